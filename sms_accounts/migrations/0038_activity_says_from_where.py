from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0036_batches")]

    operations = [
        migrations.AddField(
            "activity",
            "address",
            models.GenericIPAddressField(null=True, unpack_ipv4=True, verbose_name="from address"),
        ),
    ]
