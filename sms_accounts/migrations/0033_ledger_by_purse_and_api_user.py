"""Indexes for the statement of an account: by API user, by purse, and of all kinds but debits.

The plain indexes of three columns go, since those here begin with the same ones: an entry is
stored with one index less than before.
"""

from importlib import import_module

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def protect_again(apps, schema_editor):
    """Bring back the triggers that SQLite dropped with the table, which it has made anew."""
    if schema_editor.connection.vendor == "sqlite":
        name = "sms_accounts.migrations.0012_ledger_entries_are_append_only"
        import_module(name).protect(apps, schema_editor)


def without_index(name, to, **more):
    return migrations.AlterField(
        "ledgerentry",
        name,
        models.ForeignKey(
            db_index=False, on_delete=django.db.models.deletion.PROTECT, to=to, **more
        ),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("sms_accounts", "0032_secrets_of_accounts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # The last one on the way back.
        migrations.RunPython(migrations.RunPython.noop, protect_again),
        migrations.AddIndex(
            "ledgerentry",
            models.Index(fields=["account", "api_user", "-id"], name="ledger_of_api_user"),
        ),
        migrations.AddIndex(
            "ledgerentry",
            models.Index(fields=["wallet", "-id"], name="ledger_of_wallet"),
        ),
        migrations.AddIndex(
            "ledgerentry",
            models.Index(
                condition=models.Q(("kind", "debit"), _negated=True),
                fields=["account", "kind", "-id"],
                name="ledger_but_debits",
            ),
        ),
        without_index("account", "sms_accounts.account", related_name="ledger_entries"),
        without_index("wallet", "sms_accounts.wallet", related_name="entries"),
        without_index("api_user", "sms_accounts.apiuser", null=True, related_name="+"),
        migrations.RunPython(protect_again, migrations.RunPython.noop),
    ]
