"""A period for each account, and API users whose texts are not kept at all."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0017_heartbeats_of_processes")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="retention_days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="So long after the end of a message its text and all but the last three digits of its number are removed for good. Empty: they are kept.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(3650),
                ],
                verbose_name="days to keep texts and numbers",
            ),
        ),
        migrations.AddField(
            model_name="apiuser",
            name="keeps_no_texts",
            field=models.BooleanField(
                default=False,
                help_text="The text of a message is removed as soon as it is final and reported.",
                verbose_name="keeps no texts",
            ),
        ),
    ]
