"""Messages that nobody tries any more until staff release them, and why."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0013_policy_for_unknown_outcomes")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="parked_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="parked"),
        ),
        migrations.AddField(
            model_name="message",
            name="parked_because",
            field=models.CharField(blank=True, max_length=200, verbose_name="parked because"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("parked_at__isnull", False)),
                fields=["parked_at", "id"],
                name="messages_parked",
            ),
        ),
        # Parked ones would stand before all others in the order of what is due.
        migrations.RemoveIndex(model_name="message", name="messages_due"),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("parked_at", None), ("state", "queued")),
                fields=["due_at", "id"],
                name="messages_due",
            ),
        ),
    ]
