"""Messages that phones send back: as they came, and as they read when joined."""

import django.db.models.deletion
from django.db import migrations, models

KEY = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


def foreign(to, *, on_delete=django.db.models.deletion.PROTECT, **more):
    return models.ForeignKey(on_delete=on_delete, to=f"sms_accounts.{to}", **more)


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0046_messages_wait_in_lanes")]

    operations = [
        migrations.CreateModel(
            name="ReceivedPost",
            fields=[
                ("id", KEY.clone()),
                ("carrier", models.CharField(max_length=40, verbose_name="carrier")),
                ("body", models.BinaryField(verbose_name="body")),
                (
                    "content_type",
                    models.CharField(blank=True, max_length=100, verbose_name="content type"),
                ),
                ("received_at", models.DateTimeField(verbose_name="received")),
                ("read_at", models.DateTimeField(blank=True, null=True, verbose_name="read")),
                (
                    "problem",
                    models.CharField(blank=True, max_length=200, verbose_name="problem"),
                ),
                (
                    "body_removed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="body removed"),
                ),
            ],
            options={
                "verbose_name": "reply as received",
                "verbose_name_plural": "replies as received",
                "indexes": [
                    models.Index(
                        condition=models.Q(("read_at", None)),
                        fields=["id"],
                        name="received_posts_to_read",
                    ),
                    models.Index(
                        condition=models.Q(("body_removed_at", None)),
                        fields=["received_at", "id"],
                        name="received_posts_with_body",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Received",
            fields=[
                ("id", KEY.clone()),
                ("carrier", models.CharField(max_length=40, verbose_name="carrier")),
                (
                    "carrier_id",
                    models.CharField(blank=True, max_length=100, verbose_name="carrier's id"),
                ),
                ("key", models.CharField(blank=True, max_length=110)),
                ("msisdn", models.CharField(max_length=20, verbose_name="from")),
                ("number", models.CharField(max_length=20, verbose_name="to")),
                ("text", models.TextField(verbose_name="text")),
                ("parts", models.PositiveSmallIntegerField(default=1, verbose_name="parts")),
                (
                    "missing",
                    models.PositiveSmallIntegerField(default=0, verbose_name="parts missing"),
                ),
                ("repeats", models.PositiveIntegerField(default=0, verbose_name="came again")),
                (
                    "keyword",
                    models.CharField(
                        blank=True,
                        choices=[("stop", "STOP"), ("start", "START")],
                        max_length=5,
                        verbose_name="keyword",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("received_at", models.DateTimeField(verbose_name="received")),
                ("settled_at", models.DateTimeField(null=True, verbose_name="settled")),
                (
                    "problem",
                    models.CharField(blank=True, max_length=200, verbose_name="problem"),
                ),
                (
                    "text_removed_at",
                    models.DateTimeField(null=True, verbose_name="text removed"),
                ),
                (
                    "numbers_removed_at",
                    models.DateTimeField(null=True, verbose_name="numbers removed"),
                ),
                (
                    "account",
                    foreign("account", db_index=False, null=True, related_name="received"),
                ),
                (
                    "api_user",
                    foreign("apiuser", db_index=False, null=True, related_name="received"),
                ),
                (
                    "message",
                    foreign(
                        "message",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replies",
                    ),
                ),
                (
                    "answer",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="answered_reply",
                        to="sms_accounts.submission",
                    ),
                ),
                (
                    "posts",
                    models.ManyToManyField(related_name="received", to="sms_accounts.receivedpost"),
                ),
            ],
            options={
                "verbose_name": "reply",
                "verbose_name_plural": "replies",
                "indexes": [
                    models.Index(fields=["account", "-id"], name="received_of_account"),
                    models.Index(fields=["account", "msisdn", "-id"], name="received_of_msisdn"),
                    models.Index(fields=["api_user", "-id"], name="received_of_api_user"),
                    models.Index(
                        condition=models.Q(("settled_at", None)),
                        fields=["received_at", "id"],
                        name="received_not_settled",
                    ),
                    models.Index(
                        condition=models.Q(("numbers_removed_at", None)),
                        fields=["account", "received_at", "id"],
                        name="received_with_numbers",
                    ),
                    models.Index(
                        condition=models.Q(("text_removed_at", None)),
                        fields=["api_user", "received_at", "id"],
                        name="received_with_text",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("key", ""), _negated=True),
                        fields=("carrier", "key"),
                        name="received_once_however_often_it_comes",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReceivedPart",
            fields=[
                ("id", KEY.clone()),
                ("number", models.PositiveSmallIntegerField(verbose_name="part")),
                ("coding", models.CharField(max_length=8, verbose_name="coding")),
                ("octets", models.BinaryField(verbose_name="octets")),
                (
                    "received",
                    foreign(
                        "received",
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="came_parts",
                    ),
                ),
            ],
            options={
                "verbose_name": "part of a reply",
                "verbose_name_plural": "parts of replies",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("received", "number"), name="received_part_once"
                    )
                ],
            },
        ),
        # To these choices alone are added: no table is made anew.
        migrations.AlterField(
            "optout",
            "source",
            models.CharField(
                choices=[
                    ("hand", "By hand"),
                    ("import", "Import"),
                    ("staff", "Staff"),
                    ("reply", "STOP by SMS"),
                ],
                max_length=6,
                verbose_name="source",
            ),
        ),
        migrations.AlterField(
            "submission",
            "channel",
            models.CharField(
                choices=[
                    ("http2sms", "http2sms"),
                    ("panel", "Panel"),
                    ("rest", "JSON API"),
                    ("alert", "Alert"),
                    ("answer", "Answer to STOP"),
                ],
                max_length=8,
                verbose_name="channel",
            ),
        ),
        migrations.AddIndex(
            "sender",
            models.Index(
                condition=models.Q(("takes_replies", True)),
                fields=["name"],
                name="senders_that_take_replies",
            ),
        ),
    ]
