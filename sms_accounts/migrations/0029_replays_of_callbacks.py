"""Orders to call what failed again."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0028_callbacks_signed_and_posted")]

    operations = [
        migrations.CreateModel(
            name="CallbackReplay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("since", models.DateTimeField(verbose_name="since")),
                ("started_at", models.DateTimeField(verbose_name="started")),
                ("position", models.BigIntegerField(default=0)),
                ("stepped_at", models.DateTimeField()),
                ("released", models.PositiveIntegerField(default=0, verbose_name="sent again")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                ("is_stopped", models.BooleanField(default=False, verbose_name="stopped")),
            ],
            options={
                "verbose_name": "replay of callbacks",
                "verbose_name_plural": "replays of callbacks",
            },
        ),
        migrations.AddField(
            model_name="callbackreplay",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="callback_replays",
                to="sms_accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="callbackreplay",
            name="api_user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="sms_accounts.apiuser",
            ),
        ),
        migrations.AddField(
            model_name="callbackreplay",
            name="by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="callback",
            name="replay",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="callbacks",
                to="sms_accounts.callbackreplay",
            ),
        ),
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(
                condition=models.Q(("done_at", None), ("given_up_at__isnull", False)),
                fields=["account", "id"],
                name="callbacks_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(
                condition=models.Q(
                    ("done_at", None), ("given_up_at", None), ("replay__isnull", False)
                ),
                fields=["replay", "id"],
                name="callbacks_of_replay",
            ),
        ),
        migrations.AddConstraint(
            model_name="callbackreplay",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)),
                fields=("account",),
                name="one_open_callback_replay_per_account",
            ),
        ),
    ]
