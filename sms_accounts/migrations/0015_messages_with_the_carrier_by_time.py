"""The index that finds messages of which nothing was heard for long."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0014_parked_messages")]

    operations = [
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("state", "enroute"), ("state", "submitting"), _connector="OR"),
                fields=["state_since", "id"],
                name="messages_with_carrier",
            ),
        ),
    ]
