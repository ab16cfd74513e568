"""The processes that bind to carriers show signs of life too."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0041_smpp_carriers")]

    operations = [
        migrations.AlterField(
            model_name="heartbeat",
            name="kind",
            field=models.CharField(
                choices=[("worker", "Worker"), ("beat", "Beat"), ("smpp", "Smpp")], max_length=6
            ),
        ),
    ]
