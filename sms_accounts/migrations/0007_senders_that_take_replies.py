"""Numbers among the senders that replies reach."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0006_last_use_of_api_user")]

    operations = [
        migrations.AddField(
            model_name="sender",
            name="takes_replies",
            field=models.BooleanField(
                default=False,
                help_text="A number that replies reach; http2sms uses it for senderForResponse.",
                verbose_name="takes replies",
            ),
        ),
    ]
