"""An account's own callback can be signed, and why an SMS became a mail can be told in any language."""

import django.db.models.deletion
from django.db import migrations, models


def forget_secrets_of_accounts(apps, schema_editor):
    """What is of no user has no place in the table as it was."""
    apps.get_model("sms_accounts", "CallbackSecret").objects.filter(api_user=None).delete()


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0031_language_sender_and_callback_of_account")]

    operations = [
        migrations.AddField(
            model_name="callbacksecret",
            name="account",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="callback_secrets",
                to="sms_accounts.account",
            ),
        ),
        migrations.AlterField(
            model_name="callbacksecret",
            name="api_user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="callback_secrets",
                to="sms_accounts.apiuser",
            ),
        ),
        migrations.AddConstraint(
            model_name="callbacksecret",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("account", None), ("api_user__isnull", False)),
                    models.Q(("account__isnull", False), ("api_user", None)),
                    _connector="OR",
                ),
                name="callback_secret_is_of_an_account_or_of_a_user",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="hindrance",
            field=models.CharField(
                blank=True,
                choices=[
                    ("credits", "The account's credits could not pay this SMS."),
                    ("refused", "This SMS could not be sent."),
                    ("fault", "The panel could not send this SMS."),
                ],
                max_length=7,
                verbose_name="hindrance",
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, forget_secrets_of_accounts),
    ]
