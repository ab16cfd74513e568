"""What an account says for all its users: language, default sender, how its URL is called."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

revisions = import_module("sms_accounts.migrations.0030_revisions")


def without_triggers(apps, schema_editor):
    """SQLite makes the table anew, and cannot while triggers name the one that goes."""
    if schema_editor.connection.vendor == "sqlite":
        revisions.count_no_changes(apps, schema_editor)


def with_triggers(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        revisions.count_changes(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0030_revisions")]

    operations = [
        migrations.RunPython(without_triggers, with_triggers),
        migrations.AddField(
            model_name="account",
            name="language",
            field=models.CharField(
                choices=[("en", "English"), ("fr", "French")],
                default="en",
                help_text="Of mails to its holders, and of the alerts that have no own text.",
                max_length=2,
                verbose_name="language",
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="default_sender",
            field=models.ForeignKey(
                blank=True,
                help_text="Of calls of http2sms that name none; only while it is enabled.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="sms_accounts.sender",
                verbose_name="default sender",
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="callback_method",
            field=models.CharField(
                choices=[
                    ("get", "GET, values in the query string"),
                    ("post", "POST, values as JSON"),
                ],
                default="get",
                max_length=4,
                verbose_name="callback method",
            ),
        ),
        migrations.RunPython(with_triggers, without_triggers),
    ]
