"""Keeps accounts, API users and purses that payments name, and no longer looks for them at each.

They are never deleted, and what names them is stored under a lock of the user or of the purse.
PostgreSQL looked for each of them all the same, by seven questions for each message: a fifth of
its work. Now whoever deletes one of them is asked whether anything names it, at the end of the
transaction, as before.
"""

import django.db.models.deletion
from django.db import migrations, models

from sms_accounts.migrations._kept_rows import KeptRows

PROTECT = django.db.models.deletion.PROTECT

NAMED = {
    "submission": ("account", "api_user", "wallet"),
    "message": ("account",),
    "ledgerentry": ("account", "api_user", "wallet"),
}

# Of each that is kept: what names it. No index finds what a purse has paid but by its entries,
# which are asked first, and one of which each submission has.
NAMING = {
    "account": (
        "sms_accounts_submission WHERE account_id = OLD.id",
        "sms_accounts_message WHERE account_id = OLD.id",
        "sms_accounts_ledgerentry WHERE account_id = OLD.id",
    ),
    "apiuser": (
        "sms_accounts_submission WHERE api_user_id = OLD.id",
        "sms_accounts_ledgerentry WHERE account_id = OLD.account_id AND api_user_id = OLD.id",
    ),
    "wallet": (
        "sms_accounts_ledgerentry WHERE wallet_id = OLD.id",
        "sms_accounts_submission WHERE wallet_id = OLD.id",
    ),
}
KEPT = KeptRows(named=NAMED, naming=NAMING)


def without_constraint(model, name, to, **more):
    field = models.ForeignKey(to, on_delete=PROTECT, db_constraint=False, db_index=False, **more)
    return migrations.AlterField(model, name, field)


ACCOUNT, API_USER, WALLET = (f"sms_accounts.{name}" for name in ("account", "apiuser", "wallet"))


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0060_fewer_indexes_of_payments")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(KEPT.keep, KEPT.ask_at_each)],
            state_operations=[
                without_constraint("submission", "account", ACCOUNT, related_name="submissions"),
                without_constraint(
                    "submission", "api_user", API_USER, null=True, related_name="submissions"
                ),
                without_constraint("submission", "wallet", WALLET, related_name="+"),
                without_constraint("message", "account", ACCOUNT, related_name="messages"),
                without_constraint(
                    "ledgerentry", "account", ACCOUNT, related_name="ledger_entries"
                ),
                without_constraint(
                    "ledgerentry", "api_user", API_USER, null=True, related_name="+"
                ),
                without_constraint("ledgerentry", "wallet", WALLET, related_name="entries"),
            ],
        ),
    ]
