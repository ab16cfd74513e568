"""Orders from the browser, their receivers, and the files that these come in."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import sms_accounts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("sms_accounts", "0035_senders_on_request"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReceiverFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("content", models.TextField(verbose_name="content")),
                ("kept_at", models.DateTimeField(verbose_name="kept")),
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
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "file of receivers",
                "verbose_name_plural": "files of receivers",
            },
        ),
        migrations.CreateModel(
            name="Batch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sender", models.CharField(max_length=15, verbose_name="sender")),
                ("text", models.TextField(verbose_name="text")),
                ("typed", models.TextField(blank=True, verbose_name="receivers as typed")),
                ("stop_clause", models.BooleanField(default=False, verbose_name="STOP clause")),
                ("is_flash", models.BooleanField(default=False, verbose_name="flash")),
                ("tag", models.CharField(blank=True, max_length=20, verbose_name="tag")),
                (
                    "scheduled_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="scheduled for"),
                ),
                ("receivers", models.PositiveIntegerField(verbose_name="receivers")),
                ("credits", sms_accounts.models.fields.CreditsField(verbose_name="credits")),
                ("countries", models.JSONField(default=list)),
                ("left_out", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Not confirmed yet"),
                            ("sending", "Being sent"),
                            ("stopped", "Stopped"),
                            ("done", "Sent"),
                        ],
                        default="draft",
                        max_length=7,
                        verbose_name="state",
                    ),
                ),
                (
                    "stopped_because",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("holder", "Somebody pressed Stop."),
                            ("part", "As many were sent as the credits paid for."),
                            ("credits", "The account has not enough credits left."),
                            ("sender", "The sender cannot be used any more."),
                            ("account", "The account was disabled."),
                            (
                                "fault",
                                "The panel could not go on; staff find the reason in the log.",
                            ),
                        ],
                        max_length=7,
                        verbose_name="stopped because",
                    ),
                ),
                ("due_at", models.DateTimeField(verbose_name="due")),
                ("faults", models.PositiveSmallIntegerField(default=0, verbose_name="faults")),
                ("last_receiver", models.BigIntegerField(null=True)),
                ("accepted", models.PositiveIntegerField(default=0, verbose_name="accepted")),
                ("refused", models.PositiveIntegerField(default=0, verbose_name="refused")),
                (
                    "spent",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="credits spent"
                    ),
                ),
                ("made_at", models.DateTimeField(verbose_name="written")),
                (
                    "confirmed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="confirmed"),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("emptied_at", models.DateTimeField(blank=True, null=True, verbose_name="emptied")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="batches",
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
                (
                    "file",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="sms_accounts.receiverfile",
                    ),
                ),
            ],
            options={
                "verbose_name": "batch",
                "verbose_name_plural": "batches",
            },
        ),
        migrations.CreateModel(
            name="BatchReceiver",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("msisdn", models.CharField(max_length=15, verbose_name="receiver")),
                ("text", models.TextField(blank=True, verbose_name="text")),
                ("parts", models.PositiveSmallIntegerField(verbose_name="parts")),
                ("is_waiting", models.BooleanField(default=True, verbose_name="waiting")),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="sms_accounts.batch",
                    ),
                ),
                (
                    "message",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sms_accounts.message",
                    ),
                ),
            ],
            options={
                "verbose_name": "receiver of a batch",
                "verbose_name_plural": "receivers of batches",
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_waiting", True)),
                        fields=["batch", "id"],
                        name="receivers_to_send",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("batch", "msisdn"), name="receiver_once_per_batch"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("message", None), ("is_waiting", False), _connector="OR"
                        ),
                        name="receiver_with_a_message_waits_no_longer",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="receiverfile",
            index=models.Index(fields=["kept_at"], name="receiver_files_by_age"),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(fields=["account", "-id"], name="batches_of_account"),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(fields=["by", "-id"], name="batches_of_person"),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                condition=models.Q(("state", "sending")),
                fields=["due_at", "id"],
                name="batches_due",
            ),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                condition=models.Q(("emptied_at", None)),
                fields=["made_at", "id"],
                name="batches_to_empty",
            ),
        ),
    ]
