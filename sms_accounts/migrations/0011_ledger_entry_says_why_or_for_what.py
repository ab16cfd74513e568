"""Each entry of the ledger says why it was made, or for what."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sms_accounts", "0010_scheduled_messages_by_time"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "debit"), ("submission__isnull", False)),
                    models.Q(
                        ("kind", "refund"),
                        ("message__isnull", False),
                        ("submission__isnull", False),
                    ),
                    models.Q(("api_user__isnull", False), ("kind", "quota")),
                    models.Q(
                        ("kind__in", ["top_up", "correction", "transfer"]),
                        models.Q(("reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="ledger_entry_says_why_or_for_what",
            ),
        ),
    ]
