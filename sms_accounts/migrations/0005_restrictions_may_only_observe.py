"""Restrictions may be tried out before they refuse anybody."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0004_protection_of_api_user")]

    operations = [
        migrations.AddField(
            model_name="apiuser",
            name="restrictions_observed",
            field=models.BooleanField(default=False, verbose_name="restrictions only observed"),
        ),
        migrations.AddField(
            model_name="addressuse",
            name="observed_at",
            field=models.DateTimeField(null=True, verbose_name="last observed"),
        ),
        migrations.AddField(
            model_name="addressuse",
            name="observations",
            field=models.PositiveIntegerField(default=0, verbose_name="times observed"),
        ),
    ]
