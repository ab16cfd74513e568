"""The latest check of each account's books."""

import django.core.serializers.json
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0054_cancellations_of_many_messages")]

    operations = [
        migrations.CreateModel(
            name="BooksCheck",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="books_check",
                        serialize=False,
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("working", "At work"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="working",
                        max_length=7,
                        verbose_name="state",
                    ),
                ),
                ("asked_at", models.DateTimeField(verbose_name="asked for")),
                ("due_at", models.DateTimeField(verbose_name="due")),
                ("faults", models.PositiveSmallIntegerField(default=0, verbose_name="faults")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("took", models.DurationField(blank=True, null=True, verbose_name="took")),
                (
                    "found",
                    models.JSONField(
                        blank=True,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                        null=True,
                        verbose_name="found",
                    ),
                ),
            ],
            options={
                "verbose_name": "check of an account's books",
                "verbose_name_plural": "checks of accounts' books",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "working")),
                        fields=["due_at", "account"],
                        name="books_checks_due",
                    )
                ],
            },
        ),
    ]
