"""CSV files of messages, and how far each is written."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0052_rules_that_pause")]

    operations = [
        migrations.CreateModel(
            name="MessageExport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("query", models.CharField(blank=True, max_length=1000, verbose_name="search")),
                ("file_name", models.CharField(max_length=60, unique=True, verbose_name="file")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("working", "At work"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                            ("failed", "Failed"),
                        ],
                        default="working",
                        max_length=7,
                        verbose_name="state",
                    ),
                ),
                ("total", models.PositiveBigIntegerField(null=True, verbose_name="messages found")),
                (
                    "rows",
                    models.PositiveBigIntegerField(default=0, verbose_name="messages written"),
                ),
                ("size", models.PositiveBigIntegerField(default=0, verbose_name="bytes")),
                ("last_message", models.BigIntegerField(null=True)),
                ("due_at", models.DateTimeField(verbose_name="due")),
                ("faults", models.PositiveSmallIntegerField(default=0, verbose_name="faults")),
                ("made_at", models.DateTimeField(verbose_name="asked for")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "removed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="file removed"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "CSV file of messages",
                "verbose_name_plural": "CSV files of messages",
                "indexes": [
                    models.Index(fields=["account", "-id"], name="message_exports_of_account"),
                    models.Index(
                        condition=models.Q(("state", "working")),
                        fields=["due_at", "id"],
                        name="message_exports_due",
                    ),
                    models.Index(
                        condition=models.Q(("removed_at", None)),
                        fields=["ended_at", "id"],
                        name="message_exports_by_age",
                    ),
                ],
            },
        ),
    ]
