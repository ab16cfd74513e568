"""What calls are signed with, and how a user has them made."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0027_endpoints_of_callbacks")]

    operations = [
        migrations.CreateModel(
            name="CallbackSecret",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seed", models.CharField(max_length=43)),
                ("created_at", models.DateTimeField(verbose_name="made")),
                (
                    "ends_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="works until"),
                ),
            ],
            options={
                "verbose_name": "callback secret",
                "verbose_name_plural": "callback secrets",
            },
        ),
        migrations.AddField(
            model_name="apiuser",
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
        migrations.AddField(
            model_name="callbacksecret",
            name="api_user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="callback_secrets",
                to="sms_accounts.apiuser",
            ),
        ),
    ]
