"""What an account wants where a carrier never answers, and when that is applied to a message."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0012_ledger_entries_are_append_only")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="unknown_outcome",
            field=models.CharField(
                choices=[
                    ("hold", "Hold: wait for the carrier's report"),
                    ("resend", "Resend: hand the message over again"),
                    ("give_back", "Give back: end the message and return its credits"),
                ],
                default="hold",
                help_text="What becomes of a message five minutes after the carrier failed to say whether it took it.",
                max_length=9,
                verbose_name="unknown outcome",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="faults",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="faults"),
        ),
        migrations.AddField(
            model_name="message",
            name="decide_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="policy applied at"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("decide_at__isnull", False), ("state", "submitting")),
                fields=["decide_at", "id"],
                name="messages_to_decide",
            ),
        ),
        migrations.AlterField(
            model_name="attempt",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("unanswered", "No answer yet"),
                    ("taken", "Taken"),
                    ("rejected", "Refused"),
                    ("try_later", "To be tried later"),
                    ("not_sent", "Not sent"),
                    ("no_answer", "No answer, to be handed over again"),
                ],
                default="unanswered",
                max_length=10,
                verbose_name="outcome",
            ),
        ),
    ]
