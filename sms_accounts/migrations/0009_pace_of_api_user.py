"""How many messages an API user submitted lately."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0008_idempotency_keys")]

    operations = [
        migrations.CreateModel(
            name="Pace",
            fields=[
                (
                    "api_user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="pace",
                        serialize=False,
                        to="sms_accounts.apiuser",
                    ),
                ),
                ("sent", models.JSONField(default=dict)),
            ],
            options={
                "verbose_name": "pace",
                "verbose_name_plural": "paces",
            },
        ),
    ]
