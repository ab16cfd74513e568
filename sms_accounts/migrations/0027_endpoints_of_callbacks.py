"""How each receiver of callbacks has been, and what waits for it apart from the others."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0026_levels_of_present_alerts")]

    operations = [
        migrations.CreateModel(
            name="CallbackEndpoint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("url", models.CharField(max_length=2000, verbose_name="URL")),
                ("failing_since", models.DateTimeField(null=True, verbose_name="failing since")),
                ("warned_at", models.DateTimeField(null=True, verbose_name="warned")),
                ("paused_until", models.DateTimeField(null=True, verbose_name="paused until")),
                ("off_at", models.DateTimeField(null=True, verbose_name="switched off")),
                (
                    "off_because",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("gone", "The receiver answered 410: it wants no more calls."),
                            ("failing", "Not one call has succeeded for five days."),
                        ],
                        max_length=7,
                        verbose_name="switched off because",
                    ),
                ),
                ("to_tell_at", models.DateTimeField(null=True)),
                ("to_tell_tries", models.PositiveSmallIntegerField(default=0)),
                ("has_backlog", models.BooleanField(default=False)),
            ],
            options={
                "verbose_name": "callback endpoint",
                "verbose_name_plural": "callback endpoints",
            },
        ),
        migrations.RemoveIndex(
            model_name="callback",
            name="callbacks_due",
        ),
        migrations.AddField(
            model_name="callbackendpoint",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="callback_endpoints",
                to="sms_accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="callback",
            name="backlog_of",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="backlog",
                to="sms_accounts.callbackendpoint",
            ),
        ),
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(
                condition=models.Q(("backlog_of", None), ("done_at", None), ("given_up_at", None)),
                fields=["due_at", "id"],
                name="callbacks_due",
            ),
        ),
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(
                condition=models.Q(
                    ("backlog_of__isnull", False), ("done_at", None), ("given_up_at", None)
                ),
                fields=["backlog_of", "due_at", "id"],
                name="callbacks_in_backlog",
            ),
        ),
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(fields=["account", "-id"], name="callbacks_of_account"),
        ),
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(fields=["api_user", "-id"], name="callbacks_of_api_user"),
        ),
        migrations.AddIndex(
            model_name="callbackendpoint",
            index=models.Index(
                condition=models.Q(("has_backlog", True)),
                fields=["id"],
                name="callback_endpoints_backlog",
            ),
        ),
        migrations.AddIndex(
            model_name="callbackendpoint",
            index=models.Index(
                condition=models.Q(("to_tell_at__isnull", False)),
                fields=["to_tell_at"],
                name="callback_endpoints_to_tell",
            ),
        ),
        migrations.AddConstraint(
            model_name="callbackendpoint",
            constraint=models.UniqueConstraint(
                fields=("account", "url"), name="one_callback_endpoint_per_account_and_url"
            ),
        ),
    ]
