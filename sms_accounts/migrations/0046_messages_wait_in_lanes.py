"""Messages wait in lanes, and what is due is found in each lane by itself."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0045_routes_and_health_of_carriers")]

    operations = [
        migrations.RemoveIndex(
            model_name="message",
            name="messages_due",
        ),
        migrations.AddField(
            model_name="message",
            name="lane",
            field=models.PositiveIntegerField(default=0, verbose_name="lane"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("parked_at", None), ("state", "queued")),
                fields=["lane", "due_at", "id"],
                name="messages_due",
            ),
        ),
    ]
