"""Alerts at several levels, for accounts too, with reminders, quiet hours and an all-clear; pace."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import sms_accounts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("sms_accounts", "0024_reserve_for_alerts"),
    ]

    operations = [
        migrations.CreateModel(
            name="DaySpent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(verbose_name="day")),
                (
                    "credits",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="credits"),
                ),
            ],
            options={
                "verbose_name": "day's spending",
                "verbose_name_plural": "days' spending",
            },
        ),
        migrations.CreateModel(
            name="Level",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("credits", sms_accounts.models.fields.CreditsField(verbose_name="credits")),
            ],
            options={
                "verbose_name": "level",
                "verbose_name_plural": "levels",
            },
        ),
        migrations.CreateModel(
            name="SpendingMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("entry_id", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "mark of spending",
                "verbose_name_plural": "marks of spending",
            },
        ),
        migrations.RemoveConstraint(
            model_name="notification",
            name="one_notification_per_alert_and_channel",
        ),
        migrations.RemoveIndex(
            model_name="apiuser",
            name="thresholds_of_wallet",
        ),
        migrations.AddField(
            model_name="account",
            name="alert_all_clear",
            field=models.BooleanField(default=False, verbose_name="all-clear"),
        ),
        migrations.AddField(
            model_name="account",
            name="alert_email",
            field=models.EmailField(blank=True, max_length=254, verbose_name="email"),
        ),
        migrations.AddField(
            model_name="account",
            name="alert_enabled",
            field=models.BooleanField(default=False, verbose_name="alert"),
        ),
        migrations.AddField(
            model_name="account",
            name="alert_levels",
            field=models.JSONField(blank=True, default=list, verbose_name="further levels"),
        ),
        migrations.AddField(
            model_name="account",
            name="alert_msisdn",
            field=models.CharField(blank=True, max_length=15, verbose_name="number"),
        ),
        migrations.AddField(
            model_name="account",
            name="alert_quiet_from",
            field=models.TimeField(blank=True, null=True, verbose_name="no SMS from"),
        ),
        migrations.AddField(
            model_name="account",
            name="alert_quiet_until",
            field=models.TimeField(blank=True, null=True, verbose_name="no SMS until"),
        ),
        migrations.AddField(
            model_name="account",
            name="alert_reminder_days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(90),
                ],
                verbose_name="days between reminders",
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="alert_support",
            field=models.CharField(
                choices=[("email", "Email"), ("sms", "SMS"), ("both", "Email and SMS")],
                default="email",
                max_length=5,
                verbose_name="notification",
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="alert_threshold",
            field=sms_accounts.models.fields.CreditsField(
                blank=True, null=True, verbose_name="alert threshold"
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="awaits_refill",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name="alert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("crossing", "Alert"),
                    ("reminder", "Reminder"),
                    ("clear", "All-clear"),
                    ("test", "Test"),
                ],
                default="crossing",
                max_length=8,
                verbose_name="kind",
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="remind_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="apiuser",
            name="alert_all_clear",
            field=models.BooleanField(default=False, verbose_name="all-clear"),
        ),
        migrations.AddField(
            model_name="apiuser",
            name="alert_levels",
            field=models.JSONField(blank=True, default=list, verbose_name="further levels"),
        ),
        migrations.AddField(
            model_name="apiuser",
            name="alert_quiet_from",
            field=models.TimeField(blank=True, null=True, verbose_name="no SMS from"),
        ),
        migrations.AddField(
            model_name="apiuser",
            name="alert_quiet_until",
            field=models.TimeField(blank=True, null=True, verbose_name="no SMS until"),
        ),
        migrations.AddField(
            model_name="apiuser",
            name="alert_reminder_days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(90),
                ],
                verbose_name="days between reminders",
            ),
        ),
        migrations.AddField(
            model_name="apiuser",
            name="quota_given",
            field=sms_accounts.models.fields.CreditsField(
                editable=False, null=True, verbose_name="quota as given"
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="asked_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="asked for"),
        ),
        migrations.AddField(
            model_name="notification",
            name="round",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="sent again"),
        ),
        migrations.AddField(
            model_name="notification",
            name="was_held",
            field=models.BooleanField(default=False, verbose_name="held in quiet hours"),
        ),
        migrations.AlterField(
            model_name="alert",
            name="api_user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="alerts",
                to="sms_accounts.apiuser",
            ),
        ),
        migrations.AlterField(
            model_name="notification",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("done", "Sent"),
                    ("given_up", "Given up"),
                    ("needless", "Not needed any more"),
                ],
                default="waiting",
                max_length=8,
                verbose_name="state",
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["account", "-id"], name="alerts_of_account"),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("remind_at__isnull", False)),
                fields=["remind_at"],
                name="reminders_by_time",
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("awaits_refill", True)),
                fields=["id"],
                name="alerts_until_refilled",
            ),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("alert_enabled", False), ("alert_threshold__isnull", False), _connector="OR"
                ),
                name="enabled_alert_of_account_has_a_threshold",
            ),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.UniqueConstraint(
                fields=("alert", "channel", "round"),
                name="one_notification_per_alert_channel_and_round",
            ),
        ),
        migrations.AddField(
            model_name="dayspent",
            name="wallet",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="days_spent",
                to="sms_accounts.wallet",
            ),
        ),
        migrations.AddField(
            model_name="level",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="levels",
                to="sms_accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="level",
            name="api_user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="levels",
                to="sms_accounts.apiuser",
            ),
        ),
        migrations.AddField(
            model_name="level",
            name="wallet",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="levels",
                to="sms_accounts.wallet",
            ),
        ),
        migrations.AddConstraint(
            model_name="dayspent",
            constraint=models.UniqueConstraint(
                fields=("wallet", "day"), name="spending_once_per_wallet_and_day"
            ),
        ),
        migrations.AddIndex(
            model_name="level",
            index=models.Index(fields=["wallet", "credits"], name="levels_of_wallet"),
        ),
    ]
