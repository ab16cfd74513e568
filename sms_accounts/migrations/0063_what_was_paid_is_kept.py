"""Keeps submissions that messages and entries name, and no longer looks for them at each of these.

A submission is stored along with its messages and the entry that pays for it. PostgreSQL looked for
it twice for each message all the same: about a tenth of its work. `check_books` finds what would
have none.
"""

import django.db.models.deletion
from django.db import migrations, models

from sms_accounts.migrations._kept_rows import KeptRows

KEPT = KeptRows(
    named={"message": ("submission",), "ledgerentry": ("submission",)},
    naming={
        "submission": (
            "sms_accounts_message WHERE submission_id = OLD.id",
            "sms_accounts_ledgerentry WHERE submission_id = OLD.id",
        )
    },
)


def without_constraint(model, **more):
    field = models.ForeignKey(
        "sms_accounts.submission",
        on_delete=django.db.models.deletion.PROTECT,
        db_constraint=False,
        **more,
    )
    return migrations.AlterField(model, "submission", field)


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0062_indexes_grow_at_their_end")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(KEPT.keep, KEPT.ask_at_each)],
            state_operations=[
                without_constraint("message", related_name="messages"),
                without_constraint("ledgerentry", null=True, related_name="ledger_entries"),
            ],
        ),
    ]
