"""Scheduled messages that are all cancelled, and how far that is."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import sms_accounts.models.fields


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0053_csv_files_written_in_the_background")]

    operations = [
        migrations.CreateModel(
            name="MassCancellation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("query", models.CharField(blank=True, max_length=1000, verbose_name="search")),
                ("upto_message", models.BigIntegerField()),
                ("last_message", models.BigIntegerField(default=0)),
                ("asked", models.PositiveBigIntegerField(verbose_name="messages found")),
                ("cancelled", models.PositiveBigIntegerField(default=0, verbose_name="cancelled")),
                ("too_late", models.PositiveBigIntegerField(default=0, verbose_name="too late")),
                (
                    "credits",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="credits given back"
                    ),
                ),
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
                ("due_at", models.DateTimeField(verbose_name="due")),
                ("faults", models.PositiveSmallIntegerField(default=0, verbose_name="faults")),
                ("made_at", models.DateTimeField(verbose_name="asked for")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
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
                "verbose_name": "cancellation of many messages",
                "verbose_name_plural": "cancellations of many messages",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "working")),
                        fields=["due_at", "id"],
                        name="mass_cancellations_due",
                    )
                ],
            },
        ),
    ]
