"""Figures that workers add up; days' spending is emptied, since all is counted anew with them."""

import django.db.models.deletion
from django.db import migrations, models

import sms_accounts.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("sms_accounts", "0033_ledger_by_purse_and_api_user"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountQuarter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("first_entry_id", models.BigIntegerField(null=True)),
                ("last_entry_id", models.BigIntegerField(null=True)),
                ("messages", models.BigIntegerField(default=0, verbose_name="messages")),
                ("parts", models.BigIntegerField(default=0, verbose_name="parts")),
                ("delivered", models.BigIntegerField(default=0, verbose_name="delivered")),
                ("failed", models.BigIntegerField(default=0, verbose_name="failed")),
                ("cancelled", models.BigIntegerField(default=0, verbose_name="cancelled")),
                (
                    "topped_up",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="bought"),
                ),
                (
                    "corrected",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="corrected"),
                ),
                (
                    "received",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="received from other accounts"
                    ),
                ),
                (
                    "passed_on",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="passed on to other accounts"
                    ),
                ),
                (
                    "quota_given",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="given to quotas"
                    ),
                ),
                (
                    "quota_returned",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="taken back from quotas"
                    ),
                ),
                (
                    "debited",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="paid for messages"
                    ),
                ),
                (
                    "refunded",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="refunded"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quarters",
                        to="sms_accounts.account",
                    ),
                ),
            ],
            options={
                "verbose_name": "figures of an account",
                "verbose_name_plural": "figures of accounts",
            },
        ),
        migrations.CreateModel(
            name="FiguresMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("entry_id", models.BigIntegerField(default=0)),
                ("event_id", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "mark of figures",
                "verbose_name_plural": "marks of figures",
            },
        ),
        migrations.CreateModel(
            name="Habit",
            fields=[
                (
                    "api_user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="habit",
                        serialize=False,
                        to="sms_accounts.apiuser",
                    ),
                ),
                ("began_at", models.DateTimeField(verbose_name="first message")),
                ("delivered", models.BigIntegerField(default=0, verbose_name="delivered")),
                ("failed", models.BigIntegerField(default=0, verbose_name="failed")),
                ("hours", models.JSONField(default=dict, verbose_name="hours")),
                ("countries", models.JSONField(default=dict, verbose_name="countries")),
            ],
            options={
                "verbose_name": "habit of an API user",
                "verbose_name_plural": "habits of API users",
            },
        ),
        migrations.CreateModel(
            name="UserDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("first_entry_id", models.BigIntegerField(null=True)),
                ("last_entry_id", models.BigIntegerField(null=True)),
                ("messages", models.BigIntegerField(default=0, verbose_name="messages")),
                ("parts", models.BigIntegerField(default=0, verbose_name="parts")),
                ("delivered", models.BigIntegerField(default=0, verbose_name="delivered")),
                ("failed", models.BigIntegerField(default=0, verbose_name="failed")),
                ("cancelled", models.BigIntegerField(default=0, verbose_name="cancelled")),
                (
                    "topped_up",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="bought"),
                ),
                (
                    "corrected",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="corrected"),
                ),
                (
                    "received",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="received from other accounts"
                    ),
                ),
                (
                    "passed_on",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="passed on to other accounts"
                    ),
                ),
                (
                    "quota_given",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="given to quotas"
                    ),
                ),
                (
                    "quota_returned",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="taken back from quotas"
                    ),
                ),
                (
                    "debited",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="paid for messages"
                    ),
                ),
                (
                    "refunded",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="refunded"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="user_days",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="days",
                        to="sms_accounts.apiuser",
                    ),
                ),
            ],
            options={
                "verbose_name": "day of an API user",
                "verbose_name_plural": "days of API users",
            },
        ),
        migrations.CreateModel(
            name="UserQuarter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("first_entry_id", models.BigIntegerField(null=True)),
                ("last_entry_id", models.BigIntegerField(null=True)),
                ("messages", models.BigIntegerField(default=0, verbose_name="messages")),
                ("parts", models.BigIntegerField(default=0, verbose_name="parts")),
                ("delivered", models.BigIntegerField(default=0, verbose_name="delivered")),
                ("failed", models.BigIntegerField(default=0, verbose_name="failed")),
                ("cancelled", models.BigIntegerField(default=0, verbose_name="cancelled")),
                (
                    "topped_up",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="bought"),
                ),
                (
                    "corrected",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="corrected"),
                ),
                (
                    "received",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="received from other accounts"
                    ),
                ),
                (
                    "passed_on",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="passed on to other accounts"
                    ),
                ),
                (
                    "quota_given",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="given to quotas"
                    ),
                ),
                (
                    "quota_returned",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="taken back from quotas"
                    ),
                ),
                (
                    "debited",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="paid for messages"
                    ),
                ),
                (
                    "refunded",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="refunded"),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quarters",
                        to="sms_accounts.apiuser",
                    ),
                ),
            ],
            options={
                "verbose_name": "figures of an API user",
                "verbose_name_plural": "figures of API users",
            },
        ),
        migrations.DeleteModel(name="SpendingMark"),
        migrations.DeleteModel(name="DaySpent"),
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
                (
                    "wallet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="days_spent",
                        to="sms_accounts.wallet",
                    ),
                ),
            ],
            options={
                "verbose_name": "day's spending",
                "verbose_name_plural": "days' spending",
            },
        ),
        migrations.AddConstraint(
            model_name="dayspent",
            constraint=models.UniqueConstraint(
                fields=("wallet", "day"), name="spending_once_per_wallet_and_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="accountquarter",
            constraint=models.UniqueConstraint(
                fields=("account", "starts_at"), name="figures_once_per_account_and_quarter"
            ),
        ),
        migrations.AddIndex(
            model_name="userday",
            index=models.Index(
                fields=["account", "starts_at", "api_user", "debited", "refunded", "messages"],
                name="user_days_of_account",
            ),
        ),
        migrations.AddConstraint(
            model_name="userday",
            constraint=models.UniqueConstraint(
                fields=("starts_at", "api_user"), name="figures_once_per_user_and_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="userquarter",
            constraint=models.UniqueConstraint(
                fields=("api_user", "starts_at"), name="figures_once_per_user_and_quarter"
            ),
        ),
    ]
