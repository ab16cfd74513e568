"""A callback tells of a message, as before, or of a reply.

On SQLite the table of callbacks is made anew; it has no triggers.
"""

import django.db.models.deletion
from django.db import migrations, models


def forget_those_of_replies(apps, schema_editor):
    apps.get_model("sms_accounts", "Callback").objects.filter(message=None).delete()
    if schema_editor.connection.vendor == "postgresql":
        # It alters no table of which rows are still to be checked at the commit.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0047_replies")]

    operations = [
        migrations.AlterField(
            "callback",
            "message",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="callbacks",
                to="sms_accounts.message",
            ),
        ),
        migrations.AlterField(
            "callback",
            "state",
            models.CharField(
                blank=True,
                choices=[
                    ("scheduled", "Scheduled"),
                    ("queued", "Queued"),
                    ("submitting", "Submitting"),
                    ("enroute", "On its way"),
                    ("delivered", "Delivered"),
                    ("expired", "Expired"),
                    ("undeliverable", "Undeliverable"),
                    ("rejected", "Rejected"),
                    ("unknown", "Outcome unknown"),
                    ("cancelled", "Cancelled"),
                ],
                max_length=13,
                verbose_name="state",
            ),
        ),
        migrations.AddField(
            "callback",
            "received",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="callbacks",
                to="sms_accounts.received",
            ),
        ),
        migrations.AddConstraint(
            "callback",
            models.UniqueConstraint(
                condition=models.Q(("received__isnull", False)),
                fields=("received", "sequence", "url"),
                name="callback_once_per_reply_and_url",
            ),
        ),
        migrations.AddConstraint(
            "callback",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("message", None), ("received__isnull", False)),
                    models.Q(("message__isnull", False), ("received", None)),
                    _connector="OR",
                ),
                name="callback_tells_of_a_message_or_of_a_reply",
            ),
        ),
        # The first one on the way back: each callback has a message there.
        migrations.RunPython(migrations.RunPython.noop, forget_those_of_replies),
    ]
