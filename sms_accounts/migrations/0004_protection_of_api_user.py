"""How an API user may sign in, how fast it may send, and where to."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0003_former_password_of_api_user")]

    operations = [
        migrations.AddField(
            model_name="apiuser",
            name="refuses_url_passwords",
            field=models.BooleanField(default=False, verbose_name="refuses passwords in URLs"),
        ),
        migrations.AddField(
            model_name="apiuser",
            name="messages_a_minute",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
                verbose_name="messages a minute",
            ),
        ),
        migrations.AddField(
            model_name="apiuser",
            name="countries",
            field=models.JSONField(blank=True, default=list, verbose_name="countries"),
        ),
    ]
