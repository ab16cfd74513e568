"""Some credits of an account may be for alert SMS alone."""

from django.db import migrations, models

from sms_accounts.models.fields import CreditsField


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0021_uses_by_address")]

    operations = [
        migrations.AddField(
            model_name="wallet",
            name="reserve",
            field=CreditsField(default=0, verbose_name="reserve for alerts"),
        ),
        migrations.AddConstraint(
            model_name="wallet",
            constraint=models.CheckConstraint(
                condition=models.Q(("reserve__gte", 0)), name="reserve_never_below_zero"
            ),
        ),
    ]
