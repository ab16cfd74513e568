from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0049_settings_of_replies")]

    operations = [
        migrations.AddIndex(
            "submission",
            models.Index(fields=["api_user", "-id"], name="submissions_of_api_user"),
        ),
        # One that begins with the number serves the holder's search as well as that of staff.
        migrations.AddIndex(
            "message",
            models.Index(fields=["msisdn", "account", "-id"], name="messages_to_msisdn_of_account"),
        ),
        migrations.RemoveIndex("message", "messages_to_msisdn"),
    ]
