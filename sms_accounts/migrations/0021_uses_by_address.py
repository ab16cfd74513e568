"""The index that tells whether anybody of an account has called from an address."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0020_what_is_still_to_be_removed")]

    operations = [
        migrations.AddIndex(
            model_name="addressuse",
            index=models.Index(fields=["address"], name="uses_of_address"),
        ),
    ]
