"""The index that finds scheduled messages whose time has come."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0009_pace_of_api_user")]

    operations = [
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("state", "scheduled")),
                fields=["due_at", "id"],
                name="messages_scheduled",
            ),
        ),
    ]
