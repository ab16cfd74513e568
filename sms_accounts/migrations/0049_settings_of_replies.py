"""Where replies are forwarded to, and whether STOP is answered.

In a table of its own: on SQLite those of accounts and API users would be made anew for it, and
lose their triggers.
"""

import django.db.models.deletion
from django.db import migrations, models


def whose(to):
    return models.OneToOneField(
        null=True,
        on_delete=django.db.models.deletion.CASCADE,
        related_name="reply_settings",
        to=f"sms_accounts.{to}",
    )


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0048_callbacks_of_replies")]

    operations = [
        migrations.CreateModel(
            name="ReplySettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "url",
                    models.CharField(blank=True, max_length=2000, verbose_name="URL for replies"),
                ),
                (
                    "answers_stop",
                    models.BooleanField(default=True, verbose_name="answers STOP"),
                ),
                ("account", whose("account")),
                ("api_user", whose("apiuser")),
            ],
            options={
                "verbose_name": "settings of replies",
                "verbose_name_plural": "settings of replies",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("account", None), ("api_user__isnull", False)),
                            models.Q(("account__isnull", False), ("api_user", None)),
                            _connector="OR",
                        ),
                        name="reply_settings_are_of_an_account_or_of_a_user",
                    )
                ],
            },
        ),
    ]
