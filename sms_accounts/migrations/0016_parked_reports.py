"""How often a report could not be applied, and why not."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0015_messages_with_the_carrier_by_time")]

    operations = [
        migrations.AddField(
            model_name="dlrreport",
            name="faults",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="faults"),
        ),
        migrations.AddField(
            model_name="dlrreport",
            name="problem",
            field=models.CharField(blank=True, max_length=200, verbose_name="problem"),
        ),
    ]
