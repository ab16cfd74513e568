"""All tables as a new installation gets them, by one migration instead of fifty-six.

It stands for the migrations that it names: they are for databases that have some of them already.
What is more than tables, the triggers and the first rate, is theirs too.
"""

from importlib import import_module

import django.core.serializers.json
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import sms_accounts.models.account
import sms_accounts.models.carrier_codes
import sms_accounts.models.fields
import sms_accounts.models.http_carrier_lines

rates = import_module("sms_accounts.migrations.0002_a_rate_for_everywhere")
entries = import_module("sms_accounts.migrations.0012_ledger_entries_are_append_only")
revisions = import_module("sms_accounts.migrations.0030_revisions")
uses = import_module("sms_accounts.migrations.0035_senders_on_request")


class Migration(migrations.Migration):
    initial = True

    replaces = [
        ("sms_accounts", "0001_accounts_messages_and_ledger"),
        ("sms_accounts", "0002_a_rate_for_everywhere"),
        ("sms_accounts", "0003_former_password_of_api_user"),
        ("sms_accounts", "0004_protection_of_api_user"),
        ("sms_accounts", "0005_restrictions_may_only_observe"),
        ("sms_accounts", "0006_last_use_of_api_user"),
        ("sms_accounts", "0007_senders_that_take_replies"),
        ("sms_accounts", "0008_idempotency_keys"),
        ("sms_accounts", "0009_pace_of_api_user"),
        ("sms_accounts", "0010_scheduled_messages_by_time"),
        ("sms_accounts", "0011_ledger_entry_says_why_or_for_what"),
        ("sms_accounts", "0012_ledger_entries_are_append_only"),
        ("sms_accounts", "0013_policy_for_unknown_outcomes"),
        ("sms_accounts", "0014_parked_messages"),
        ("sms_accounts", "0015_messages_with_the_carrier_by_time"),
        ("sms_accounts", "0016_parked_reports"),
        ("sms_accounts", "0017_heartbeats_of_processes"),
        ("sms_accounts", "0018_how_long_texts_are_kept"),
        ("sms_accounts", "0019_when_texts_were_removed"),
        ("sms_accounts", "0020_what_is_still_to_be_removed"),
        ("sms_accounts", "0021_uses_by_address"),
        ("sms_accounts", "0024_reserve_for_alerts"),
        ("sms_accounts", "0025_levels_reminders_and_quiet_hours"),
        ("sms_accounts", "0026_levels_of_present_alerts"),
        ("sms_accounts", "0027_endpoints_of_callbacks"),
        ("sms_accounts", "0028_callbacks_signed_and_posted"),
        ("sms_accounts", "0029_replays_of_callbacks"),
        ("sms_accounts", "0030_revisions"),
        ("sms_accounts", "0031_language_sender_and_callback_of_account"),
        ("sms_accounts", "0032_secrets_of_accounts"),
        ("sms_accounts", "0033_ledger_by_purse_and_api_user"),
        ("sms_accounts", "0034_figures_of_accounts_and_api_users"),
        ("sms_accounts", "0035_senders_on_request"),
        ("sms_accounts", "0036_batches"),
        ("sms_accounts", "0038_activity_says_from_where"),
        ("sms_accounts", "0039_opt_outs"),
        ("sms_accounts", "0040_quotas_that_renew"),
        ("sms_accounts", "0041_smpp_carriers"),
        ("sms_accounts", "0042_heartbeats_of_binds"),
        ("sms_accounts", "0043_http_carriers"),
        ("sms_accounts", "0044_query_of_dlr_posts"),
        ("sms_accounts", "0045_routes_and_health_of_carriers"),
        ("sms_accounts", "0046_messages_wait_in_lanes"),
        ("sms_accounts", "0047_replies"),
        ("sms_accounts", "0048_callbacks_of_replies"),
        ("sms_accounts", "0049_settings_of_replies"),
        ("sms_accounts", "0050_indexes_to_search_messages"),
        ("sms_accounts", "0051_no_plain_index_beside_a_longer_one"),
        ("sms_accounts", "0052_rules_that_pause"),
        ("sms_accounts", "0053_csv_files_written_in_the_background"),
        ("sms_accounts", "0054_cancellations_of_many_messages"),
        ("sms_accounts", "0055_callbacks_retrying"),
        ("sms_accounts", "0056_carriers_that_take_what_has_no_route"),
        ("sms_accounts", "0057_costs_and_absence_of_carriers"),
        ("sms_accounts", "0058_latest_check_of_books"),
        ("sms_accounts", "0059_submissions_by_tag"),
    ]

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="Wallet",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "credits",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="credits"),
                ),
                (
                    "reserve",
                    sms_accounts.models.fields.CreditsField(
                        default=0, verbose_name="reserve for alerts"
                    ),
                ),
                (
                    "highest_threshold",
                    sms_accounts.models.fields.CreditsField(editable=False, null=True),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("credits__gte", 0)), name="wallet_never_overdrawn"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reserve__gte", 0)), name="reserve_never_below_zero"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "callback_url",
                    models.CharField(blank=True, max_length=2000, verbose_name="callback"),
                ),
                (
                    "callback_method",
                    models.CharField(
                        choices=[
                            ("get", "GET, values in the query string"),
                            ("post", "POST, values as JSON"),
                        ],
                        default="get",
                        max_length=4,
                        verbose_name="callback method",
                    ),
                ),
                ("alert_enabled", models.BooleanField(default=False, verbose_name="alert")),
                (
                    "alert_threshold",
                    sms_accounts.models.fields.CreditsField(
                        blank=True, null=True, verbose_name="alert threshold"
                    ),
                ),
                (
                    "alert_support",
                    models.CharField(
                        choices=[("email", "Email"), ("sms", "SMS"), ("both", "Email and SMS")],
                        default="email",
                        max_length=5,
                        verbose_name="notification",
                    ),
                ),
                (
                    "alert_email",
                    models.EmailField(blank=True, max_length=254, verbose_name="email"),
                ),
                (
                    "alert_msisdn",
                    models.CharField(blank=True, max_length=15, verbose_name="number"),
                ),
                (
                    "alert_levels",
                    models.JSONField(blank=True, default=list, verbose_name="further levels"),
                ),
                (
                    "alert_reminder_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(90),
                        ],
                        verbose_name="days between reminders",
                    ),
                ),
                (
                    "alert_quiet_from",
                    models.TimeField(blank=True, null=True, verbose_name="no SMS from"),
                ),
                (
                    "alert_quiet_until",
                    models.TimeField(blank=True, null=True, verbose_name="no SMS until"),
                ),
                ("alert_all_clear", models.BooleanField(default=False, verbose_name="all-clear")),
                (
                    "name",
                    models.CharField(
                        max_length=32,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^sms-[a-z0-9]{2,20}-[0-9]{1,4}\\Z",
                                "An account is named like 'sms-ab12345-1'.",
                            )
                        ],
                        verbose_name="name",
                    ),
                ),
                (
                    "description",
                    models.CharField(blank=True, max_length=100, verbose_name="description"),
                ),
                ("is_enabled", models.BooleanField(default=True, verbose_name="enabled")),
                (
                    "time_zone",
                    models.CharField(
                        default="UTC",
                        max_length=64,
                        validators=[sms_accounts.models.account.known_time_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("fr", "French")],
                        default="en",
                        help_text="Of mails to its holders, and of the alerts that have no own text.",
                        max_length=2,
                        verbose_name="language",
                    ),
                ),
                (
                    "home_country",
                    models.CharField(
                        blank=True,
                        help_text="National numbers are read as this country's.",
                        max_length=2,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Z]{2}\\Z", "Two capital letters, such as FR."
                            )
                        ],
                        verbose_name="home country",
                    ),
                ),
                (
                    "unknown_outcome",
                    models.CharField(
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
                (
                    "retention_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="So long after the end of a message its text and all but the last three digits of its number are removed for good. Empty: they are kept.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(3650),
                        ],
                        verbose_name="days to keep texts and numbers",
                    ),
                ),
                (
                    "opt_outs_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="opt-outs changed"
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="added")),
                ("revision", models.BigIntegerField(db_default=0, default=0, editable=False)),
                (
                    "wallet",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="account",
                        to="sms_accounts.wallet",
                    ),
                ),
            ],
            options={
                "verbose_name": "account",
                "verbose_name_plural": "accounts",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("alert_enabled", False),
                            ("alert_threshold__isnull", False),
                            _connector="OR",
                        ),
                        name="enabled_alert_of_account_has_a_threshold",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiUser",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "callback_url",
                    models.CharField(blank=True, max_length=2000, verbose_name="callback"),
                ),
                (
                    "callback_method",
                    models.CharField(
                        choices=[
                            ("get", "GET, values in the query string"),
                            ("post", "POST, values as JSON"),
                        ],
                        default="get",
                        max_length=4,
                        verbose_name="callback method",
                    ),
                ),
                ("alert_enabled", models.BooleanField(default=False, verbose_name="alert")),
                (
                    "alert_threshold",
                    sms_accounts.models.fields.CreditsField(
                        blank=True, null=True, verbose_name="alert threshold"
                    ),
                ),
                (
                    "alert_support",
                    models.CharField(
                        choices=[("email", "Email"), ("sms", "SMS"), ("both", "Email and SMS")],
                        default="email",
                        max_length=5,
                        verbose_name="notification",
                    ),
                ),
                (
                    "alert_email",
                    models.EmailField(blank=True, max_length=254, verbose_name="email"),
                ),
                (
                    "alert_msisdn",
                    models.CharField(blank=True, max_length=15, verbose_name="number"),
                ),
                (
                    "alert_levels",
                    models.JSONField(blank=True, default=list, verbose_name="further levels"),
                ),
                (
                    "alert_reminder_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(90),
                        ],
                        verbose_name="days between reminders",
                    ),
                ),
                (
                    "alert_quiet_from",
                    models.TimeField(blank=True, null=True, verbose_name="no SMS from"),
                ),
                (
                    "alert_quiet_until",
                    models.TimeField(blank=True, null=True, verbose_name="no SMS until"),
                ),
                ("alert_all_clear", models.BooleanField(default=False, verbose_name="all-clear")),
                (
                    "login",
                    models.CharField(
                        max_length=40,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Za-z0-9][A-Za-z0-9._@+-]{0,39}\\Z",
                                "1 to 40 letters, digits and . _ @ + - , beginning with a letter or digit.",
                            )
                        ],
                        verbose_name="ID",
                    ),
                ),
                ("password", models.CharField(max_length=128, verbose_name="password hash")),
                ("password_changed_at", models.DateTimeField(verbose_name="password changed")),
                (
                    "former_password",
                    models.CharField(
                        blank=True, max_length=128, verbose_name="former password hash"
                    ),
                ),
                (
                    "former_password_until",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="former password works until"
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True, verbose_name="enabled")),
                (
                    "quota_given",
                    sms_accounts.models.fields.CreditsField(
                        editable=False, null=True, verbose_name="quota as given"
                    ),
                ),
                (
                    "restrictions",
                    models.JSONField(blank=True, default=list, verbose_name="restrictions"),
                ),
                (
                    "restrictions_observed",
                    models.BooleanField(default=False, verbose_name="restrictions only observed"),
                ),
                (
                    "keeps_no_texts",
                    models.BooleanField(
                        default=False,
                        help_text="The text of a message is removed as soon as it is final and reported.",
                        verbose_name="keeps no texts",
                    ),
                ),
                (
                    "refuses_url_passwords",
                    models.BooleanField(default=False, verbose_name="refuses passwords in URLs"),
                ),
                (
                    "messages_a_minute",
                    models.PositiveIntegerField(
                        blank=True,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="messages a minute",
                    ),
                ),
                ("countries", models.JSONField(blank=True, default=list, verbose_name="countries")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="added")),
                ("deleted_at", models.DateTimeField(blank=True, null=True, verbose_name="deleted")),
                ("revision", models.BigIntegerField(db_default=0, default=0, editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="api_users",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "quota_wallet",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quota_of",
                        to="sms_accounts.wallet",
                    ),
                ),
                (
                    "wallet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payers",
                        to="sms_accounts.wallet",
                    ),
                ),
            ],
            options={
                "verbose_name": "API user",
                "verbose_name_plural": "API users",
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"),
                        django.db.models.functions.text.Lower("login"),
                        condition=models.Q(("deleted_at", None)),
                        name="api_user_login_unique_in_account",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("alert_enabled", False),
                            ("alert_threshold__isnull", False),
                            _connector="OR",
                        ),
                        name="enabled_alert_has_a_threshold",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Submission",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
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
                ("sender", models.CharField(max_length=15, verbose_name="sender")),
                ("text", models.TextField(verbose_name="text")),
                ("coding", models.CharField(max_length=4, verbose_name="coding")),
                ("parts", models.PositiveSmallIntegerField(verbose_name="parts")),
                (
                    "message_class",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="class"),
                ),
                ("tag", models.CharField(blank=True, max_length=20, verbose_name="tag")),
                ("credits", sms_accounts.models.fields.CreditsField(verbose_name="credits")),
                (
                    "address",
                    models.GenericIPAddressField(
                        blank=True, null=True, verbose_name="from address"
                    ),
                ),
                (
                    "scheduled_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="scheduled for"),
                ),
                ("created_at", models.DateTimeField(verbose_name="accepted")),
                (
                    "text_removed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="text removed"),
                ),
                (
                    "numbers_removed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="numbers removed"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="submissions",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="submissions",
                        to="sms_accounts.apiuser",
                    ),
                ),
                (
                    "wallet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sms_accounts.wallet",
                    ),
                ),
            ],
            options={
                "verbose_name": "submission",
                "verbose_name_plural": "submissions",
                "indexes": [
                    models.Index(fields=["account", "-id"], name="submissions_of_account"),
                    models.Index(fields=["api_user", "-id"], name="submissions_of_api_user"),
                    models.Index(
                        condition=models.Q(("tag", ""), _negated=True),
                        fields=["account", "tag", "-id"],
                        name="submissions_with_tag",
                    ),
                    models.Index(
                        condition=models.Q(("numbers_removed_at", None)),
                        fields=["account", "created_at", "id"],
                        name="submissions_with_numbers",
                    ),
                    models.Index(
                        condition=models.Q(("text_removed_at", None)),
                        fields=["api_user", "created_at", "id"],
                        name="submissions_with_text",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("msisdn", models.CharField(max_length=15, verbose_name="receiver")),
                ("credits", sms_accounts.models.fields.CreditsField(verbose_name="credits")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("scheduled", "Scheduled"),
                            ("queued", "Queued"),
                            ("submitting", "Submitting"),
                            ("enroute", "On its way"),
                            ("delivered", "Delivered"),
                            ("expired", "Expired"),
                            ("undeliverable", "Undeliverable"),
                            ("rejected", "Rejected"),
                            ("unknown", "Outcome unknown"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=13,
                        verbose_name="state",
                    ),
                ),
                (
                    "ptt",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="ptt"),
                ),
                (
                    "carrier_code",
                    models.CharField(blank=True, max_length=40, verbose_name="carrier's code"),
                ),
                ("carrier", models.CharField(blank=True, max_length=40, verbose_name="carrier")),
                ("lane", models.PositiveIntegerField(default=0, verbose_name="lane")),
                ("due_at", models.DateTimeField(verbose_name="due")),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0, verbose_name="tries")),
                ("faults", models.PositiveSmallIntegerField(default=0, verbose_name="faults")),
                (
                    "decide_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="policy applied at"),
                ),
                ("parked_at", models.DateTimeField(blank=True, null=True, verbose_name="parked")),
                (
                    "parked_because",
                    models.CharField(blank=True, max_length=200, verbose_name="parked because"),
                ),
                ("state_since", models.DateTimeField(verbose_name="in this state since")),
                (
                    "submitted_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="submitted"),
                ),
                ("final_at", models.DateTimeField(blank=True, null=True, verbose_name="final")),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="messages",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="messages",
                        to="sms_accounts.submission",
                    ),
                ),
            ],
            options={
                "verbose_name": "message",
                "verbose_name_plural": "messages",
                "indexes": [
                    models.Index(
                        condition=models.Q(("parked_at", None), ("state", "queued")),
                        fields=["lane", "due_at", "id"],
                        name="messages_due",
                    ),
                    models.Index(
                        condition=models.Q(("state", "scheduled")),
                        fields=["due_at", "id"],
                        name="messages_scheduled",
                    ),
                    models.Index(
                        condition=models.Q(("state", "submitting")),
                        fields=["claimed_until"],
                        name="messages_submitting",
                    ),
                    models.Index(
                        condition=models.Q(("decide_at__isnull", False), ("state", "submitting")),
                        fields=["decide_at", "id"],
                        name="messages_to_decide",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("state", "enroute"), ("state", "submitting"), _connector="OR"
                        ),
                        fields=["state_since", "id"],
                        name="messages_with_carrier",
                    ),
                    models.Index(
                        condition=models.Q(("parked_at__isnull", False)),
                        fields=["parked_at", "id"],
                        name="messages_parked",
                    ),
                    models.Index(fields=["account", "-id"], name="messages_of_account"),
                    models.Index(
                        fields=["msisdn", "account", "-id"], name="messages_to_msisdn_of_account"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("part", models.PositiveSmallIntegerField(verbose_name="part")),
                ("carrier", models.CharField(max_length=40, verbose_name="carrier")),
                (
                    "reference",
                    models.CharField(max_length=36, unique=True, verbose_name="reference"),
                ),
                (
                    "carrier_message_id",
                    models.CharField(blank=True, max_length=100, verbose_name="carrier's id"),
                ),
                (
                    "outcome",
                    models.CharField(
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
                (
                    "state",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("scheduled", "Scheduled"),
                            ("queued", "Queued"),
                            ("submitting", "Submitting"),
                            ("enroute", "On its way"),
                            ("delivered", "Delivered"),
                            ("expired", "Expired"),
                            ("undeliverable", "Undeliverable"),
                            ("rejected", "Rejected"),
                            ("unknown", "Outcome unknown"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=13,
                        verbose_name="state",
                    ),
                ),
                (
                    "ptt",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="ptt"),
                ),
                (
                    "code",
                    models.CharField(blank=True, max_length=40, verbose_name="carrier's code"),
                ),
                (
                    "cost",
                    models.DecimalField(
                        blank=True, decimal_places=4, max_digits=12, null=True, verbose_name="cost"
                    ),
                ),
                ("started_at", models.DateTimeField(verbose_name="started")),
                (
                    "answered_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="answered"),
                ),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attempts",
                        to="sms_accounts.message",
                    ),
                ),
            ],
            options={
                "verbose_name": "attempt",
                "verbose_name_plural": "attempts",
                "indexes": [
                    models.Index(
                        condition=models.Q(("carrier_message_id", ""), _negated=True),
                        fields=["carrier", "carrier_message_id"],
                        name="attempts_by_carrier_id",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CarrierWatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        editable=False, max_length=40, unique=True, verbose_name="carrier"
                    ),
                ),
                (
                    "slow_seconds",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Passed over while half of its answers to submits take longer. Empty: never for that.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="slow after seconds",
                    ),
                ),
                (
                    "queue_seconds",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Passed over while a message that is due has waited longer for it. Empty: never.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(10)],
                        verbose_name="longest wait in seconds",
                    ),
                ),
                (
                    "least_delivered",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Passed over while fewer of the parts reported on in the last 30 minutes were delivered, once there are 20 reports. Empty: never for that.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="least delivered, in percent",
                    ),
                ),
                (
                    "well_minutes",
                    models.PositiveSmallIntegerField(
                        default=5,
                        help_text="For so long nothing may be wrong with it; twice as long after each time more in six hours, one hour at most.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(60),
                        ],
                        verbose_name="minutes until it is trusted again",
                    ),
                ),
                (
                    "is_passed_over",
                    models.BooleanField(default=False, editable=False, verbose_name="passed over"),
                ),
                ("since", models.DateTimeField(editable=False, null=True, verbose_name="since")),
                (
                    "because",
                    models.CharField(
                        blank=True, editable=False, max_length=200, verbose_name="because"
                    ),
                ),
                ("trouble_since", models.DateTimeField(editable=False, null=True)),
                ("well_since", models.DateTimeField(editable=False, null=True)),
                ("away_since", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "verbose_name": "health of a carrier",
                "verbose_name_plural": "health of carriers",
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
            name="Lane",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "carriers",
                    models.CharField(max_length=500, unique=True, verbose_name="carriers"),
                ),
            ],
            options={
                "verbose_name": "lane",
                "verbose_name_plural": "lanes",
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "last_login",
                    models.DateTimeField(blank=True, null=True, verbose_name="last login"),
                ),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "email",
                    models.EmailField(max_length=254, unique=True, verbose_name="e-mail address"),
                ),
                ("name", models.CharField(blank=True, max_length=100, verbose_name="name")),
                ("is_staff", models.BooleanField(default=False, verbose_name="staff")),
                ("is_active", models.BooleanField(default=True, verbose_name="may sign in")),
                (
                    "date_joined",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="added"
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "person",
                "verbose_name_plural": "people",
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("email"),
                        name="one_person_per_email_address",
                        violation_error_message="Somebody with this e-mail address exists already.",
                    )
                ],
            },
        ),
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
                        choices=[("working", "At work"), ("done", "Done"), ("failed", "Failed")],
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "starts_at"), name="figures_once_per_account_and_quarter"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertTexts",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "email_customised",
                    models.BooleanField(default=False, verbose_name="own email texts"),
                ),
                ("email_from", models.CharField(blank=True, max_length=254, verbose_name="from")),
                (
                    "email_subject",
                    models.CharField(blank=True, max_length=150, verbose_name="subject"),
                ),
                ("email_body", models.TextField(blank=True, max_length=5000, verbose_name="body")),
                ("sms_customised", models.BooleanField(default=False, verbose_name="own SMS text")),
                ("sms_text", models.CharField(blank=True, max_length=70, verbose_name="text")),
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_texts",
                        to="sms_accounts.account",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert texts",
                "verbose_name_plural": "alert texts",
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
                (
                    "judge_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="judged next"),
                ),
            ],
            options={
                "verbose_name": "habit of an API user",
                "verbose_name_plural": "habits of API users",
                "indexes": [
                    models.Index(
                        condition=models.Q(("judge_at__isnull", False)),
                        fields=["judge_at", "api_user"],
                        name="habits_to_judge",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Pace",
            fields=[
                (
                    "api_user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="pace",
                        serialize=False,
                        to="sms_accounts.apiuser",
                    ),
                ),
                ("sent", models.JSONField(default=dict)),
            ],
            options={
                "verbose_name": "pace",
                "verbose_name_plural": "paces",
            },
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
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
                ("threshold", sms_accounts.models.fields.CreditsField(verbose_name="threshold")),
                ("balance", sms_accounts.models.fields.CreditsField(verbose_name="credits left")),
                ("crossed_at", models.DateTimeField(verbose_name="crossed")),
                ("remind_at", models.DateTimeField(editable=False, null=True)),
                ("awaits_refill", models.BooleanField(default=False, editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="sms_accounts.apiuser",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert",
                "verbose_name_plural": "alerts",
                "indexes": [
                    models.Index(fields=["api_user", "-id"], name="alerts_of_api_user"),
                    models.Index(fields=["account", "-id"], name="alerts_of_account"),
                    models.Index(
                        condition=models.Q(("remind_at__isnull", False)),
                        fields=["remind_at"],
                        name="reminders_by_time",
                    ),
                    models.Index(
                        condition=models.Q(("awaits_refill", True)),
                        fields=["id"],
                        name="alerts_until_refilled",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AddressUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.GenericIPAddressField(unpack_ipv4=True, verbose_name="address")),
                ("accepted_at", models.DateTimeField(null=True, verbose_name="last accepted")),
                (
                    "method",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("url", "in the URL"),
                            ("form", "in the body"),
                            ("basic", "HTTP Basic"),
                        ],
                        max_length=5,
                        verbose_name="method",
                    ),
                ),
                (
                    "with_former_password",
                    models.BooleanField(default=False, verbose_name="with the former password"),
                ),
                ("refused_at", models.DateTimeField(null=True, verbose_name="last refused")),
                ("refusals", models.PositiveIntegerField(default=0, verbose_name="times refused")),
                ("observed_at", models.DateTimeField(null=True, verbose_name="last observed")),
                (
                    "observations",
                    models.PositiveIntegerField(default=0, verbose_name="times observed"),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="address_uses",
                        to="sms_accounts.apiuser",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["api_user", "-accepted_at"], name="last_use_of_api_user"),
                    models.Index(fields=["address"], name="uses_of_address"),
                    models.Index(fields=["accepted_at", "id"], name="address_uses_by_age"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("api_user", "address"), name="one_row_per_api_user_and_address"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Activity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "address",
                    models.GenericIPAddressField(
                        null=True, unpack_ipv4=True, verbose_name="from address"
                    ),
                ),
                ("action", models.CharField(max_length=40, verbose_name="action")),
                ("before", models.JSONField(default=dict, verbose_name="before")),
                ("after", models.JSONField(default=dict, verbose_name="after")),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="activities",
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
                    "api_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="activities",
                        to="sms_accounts.apiuser",
                    ),
                ),
            ],
            options={
                "verbose_name": "activity",
                "verbose_name_plural": "activities",
                "indexes": [models.Index(fields=["account", "-id"], name="activity_of_account")],
            },
        ),
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
                "indexes": [models.Index(fields=["kept_at"], name="receiver_files_by_age")],
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
                "indexes": [
                    models.Index(fields=["account", "-id"], name="batches_of_account"),
                    models.Index(fields=["by", "-id"], name="batches_of_person"),
                    models.Index(
                        condition=models.Q(("state", "sending")),
                        fields=["due_at", "id"],
                        name="batches_due",
                    ),
                    models.Index(
                        condition=models.Q(("emptied_at", None)),
                        fields=["made_at", "id"],
                        name="batches_to_empty",
                    ),
                ],
            },
        ),
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
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="callback_endpoints",
                        to="sms_accounts.account",
                    ),
                ),
            ],
            options={
                "verbose_name": "callback endpoint",
                "verbose_name_plural": "callback endpoints",
                "indexes": [
                    models.Index(
                        condition=models.Q(("has_backlog", True)),
                        fields=["id"],
                        name="callback_endpoints_backlog",
                    ),
                    models.Index(
                        condition=models.Q(("to_tell_at__isnull", False)),
                        fields=["to_tell_at"],
                        name="callback_endpoints_to_tell",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "url"), name="one_callback_endpoint_per_account_and_url"
                    )
                ],
            },
        ),
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
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="callback_replays",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sms_accounts.apiuser",
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
                "verbose_name": "replay of callbacks",
                "verbose_name_plural": "replays of callbacks",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("account",),
                        name="one_open_callback_replay_per_account",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReceivedPost",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("carrier", models.CharField(max_length=40, verbose_name="carrier")),
                ("body", models.BinaryField(verbose_name="body")),
                (
                    "content_type",
                    models.CharField(blank=True, max_length=100, verbose_name="content type"),
                ),
                ("received_at", models.DateTimeField(verbose_name="received")),
                ("read_at", models.DateTimeField(blank=True, null=True, verbose_name="read")),
                ("problem", models.CharField(blank=True, max_length=200, verbose_name="problem")),
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
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
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
                ("problem", models.CharField(blank=True, max_length=200, verbose_name="problem")),
                ("text_removed_at", models.DateTimeField(null=True, verbose_name="text removed")),
                (
                    "numbers_removed_at",
                    models.DateTimeField(null=True, verbose_name="numbers removed"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="received",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="received",
                        to="sms_accounts.apiuser",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replies",
                        to="sms_accounts.message",
                    ),
                ),
                (
                    "posts",
                    models.ManyToManyField(related_name="received", to="sms_accounts.receivedpost"),
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
            name="Callback",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("url", models.CharField(max_length=2000, verbose_name="URL")),
                ("sequence", models.PositiveSmallIntegerField(verbose_name="sequence")),
                (
                    "state",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("scheduled", "Scheduled"),
                            ("queued", "Queued"),
                            ("submitting", "Submitting"),
                            ("enroute", "On its way"),
                            ("delivered", "Delivered"),
                            ("expired", "Expired"),
                            ("undeliverable", "Undeliverable"),
                            ("rejected", "Rejected"),
                            ("unknown", "Outcome unknown"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=13,
                        verbose_name="state",
                    ),
                ),
                ("ptt", models.PositiveSmallIntegerField(null=True, verbose_name="ptt")),
                ("changed_at", models.DateTimeField(verbose_name="changed")),
                ("due_at", models.DateTimeField(verbose_name="next attempt")),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0, verbose_name="tries")),
                ("done_at", models.DateTimeField(blank=True, null=True, verbose_name="done")),
                (
                    "given_up_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="given up"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="callbacks",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="callbacks",
                        to="sms_accounts.apiuser",
                    ),
                ),
                (
                    "backlog_of",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="backlog",
                        to="sms_accounts.callbackendpoint",
                    ),
                ),
                (
                    "replay",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="callbacks",
                        to="sms_accounts.callbackreplay",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="callbacks",
                        to="sms_accounts.message",
                    ),
                ),
                (
                    "received",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="callbacks",
                        to="sms_accounts.received",
                    ),
                ),
            ],
            options={
                "verbose_name": "callback",
                "verbose_name_plural": "callbacks",
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            ("backlog_of", None), ("done_at", None), ("given_up_at", None)
                        ),
                        fields=["due_at", "id"],
                        name="callbacks_due",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("backlog_of__isnull", False), ("done_at", None), ("given_up_at", None)
                        ),
                        fields=["backlog_of", "due_at", "id"],
                        name="callbacks_in_backlog",
                    ),
                    models.Index(
                        condition=models.Q(("done_at", None), ("given_up_at__isnull", False)),
                        fields=["account", "id"],
                        name="callbacks_failed",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("done_at", None), ("given_up_at", None), ("tries__gt", 0)
                        ),
                        fields=["account", "id"],
                        name="callbacks_retrying",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("done_at", None), ("given_up_at", None), ("replay__isnull", False)
                        ),
                        fields=["replay", "id"],
                        name="callbacks_of_replay",
                    ),
                    models.Index(fields=["account", "-id"], name="callbacks_of_account"),
                    models.Index(fields=["api_user", "-id"], name="callbacks_of_api_user"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("message", "sequence", "url"),
                        name="callback_once_per_change_and_url",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("received__isnull", False)),
                        fields=("received", "sequence", "url"),
                        name="callback_once_per_reply_and_url",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("message", None), ("received__isnull", False)),
                            models.Q(("message__isnull", False), ("received", None)),
                            _connector="OR",
                        ),
                        name="callback_tells_of_a_message_or_of_a_reply",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CallbackAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="at")),
                ("duration", models.DurationField(null=True, verbose_name="duration")),
                ("status", models.PositiveSmallIntegerField(null=True, verbose_name="status")),
                ("problem", models.CharField(blank=True, max_length=200, verbose_name="problem")),
                (
                    "answer",
                    models.CharField(
                        blank=True, max_length=500, verbose_name="first bytes of the answer"
                    ),
                ),
                (
                    "callback",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attempts",
                        to="sms_accounts.callback",
                    ),
                ),
            ],
            options={
                "verbose_name": "callback attempt",
                "verbose_name_plural": "callback attempts",
                "indexes": [
                    models.Index(
                        condition=models.Q(("answer", ""), _negated=True),
                        fields=["at", "id"],
                        name="callback_attempts_with_answer",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CallbackSecret",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seed", models.CharField(max_length=43)),
                ("created_at", models.DateTimeField(verbose_name="made")),
                (
                    "ends_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="works until"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="callback_secrets",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="callback_secrets",
                        to="sms_accounts.apiuser",
                    ),
                ),
            ],
            options={
                "verbose_name": "callback secret",
                "verbose_name_plural": "callback secrets",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("account", None), ("api_user__isnull", False)),
                            models.Q(("account__isnull", False), ("api_user", None)),
                            _connector="OR",
                        ),
                        name="callback_secret_is_of_an_account_or_of_a_user",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CarrierDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("carrier", models.CharField(max_length=40, verbose_name="carrier")),
                ("day", models.DateField(verbose_name="day")),
                ("messages", models.PositiveBigIntegerField(default=0, verbose_name="messages")),
                (
                    "without_cost",
                    models.PositiveBigIntegerField(default=0, verbose_name="no cost known"),
                ),
                (
                    "cost",
                    models.DecimalField(
                        decimal_places=4, default=0, max_digits=16, verbose_name="cost"
                    ),
                ),
                (
                    "credits",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="credits"),
                ),
            ],
            options={
                "verbose_name": "day of costs",
                "verbose_name_plural": "costs of carriers",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "carrier"), name="costs_once_per_day_and_carrier"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CarrierSwitch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("carrier", models.CharField(max_length=40, verbose_name="carrier")),
                ("is_passed_over", models.BooleanField(verbose_name="passed over")),
                ("because", models.CharField(max_length=200, verbose_name="because")),
                ("at", models.DateTimeField(verbose_name="at")),
            ],
            options={
                "verbose_name": "change between carriers",
                "verbose_name_plural": "changes between carriers",
                "indexes": [models.Index(fields=["carrier", "-at"], name="switches_of_carrier")],
            },
        ),
        migrations.CreateModel(
            name="CarrierTally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("carrier", models.CharField(max_length=40)),
                ("at", models.DateTimeField()),
                ("taken", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(default=0)),
                ("later", models.PositiveIntegerField(default=0)),
                ("unanswered", models.PositiveIntegerField(default=0)),
                ("delivered", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("submit_times", models.JSONField(default=dict)),
                ("dlr_times", models.JSONField(default=dict)),
            ],
            options={
                "verbose_name": "tally of a carrier",
                "verbose_name_plural": "tallies of carriers",
                "indexes": [models.Index(fields=["at"], name="tallies_by_time")],
            },
        ),
        migrations.CreateModel(
            name="DlrPost",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("carrier", models.CharField(max_length=40, verbose_name="carrier")),
                ("query", models.TextField(blank=True, default="", verbose_name="query")),
                ("body", models.BinaryField(verbose_name="body")),
                (
                    "content_type",
                    models.CharField(blank=True, max_length=100, verbose_name="content type"),
                ),
                ("received_at", models.DateTimeField(verbose_name="received")),
                ("read_at", models.DateTimeField(blank=True, null=True, verbose_name="read")),
                ("problem", models.CharField(blank=True, max_length=200, verbose_name="problem")),
                (
                    "body_removed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="body removed"),
                ),
            ],
            options={
                "verbose_name": "DLR as received",
                "verbose_name_plural": "DLRs as received",
                "indexes": [
                    models.Index(
                        condition=models.Q(("read_at", None)),
                        fields=["id"],
                        name="dlr_posts_to_read",
                    ),
                    models.Index(
                        condition=models.Q(("body_removed_at", None)),
                        fields=["received_at", "id"],
                        name="dlr_posts_with_body",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DlrReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("carrier", models.CharField(max_length=40, verbose_name="carrier")),
                (
                    "reference",
                    models.CharField(blank=True, max_length=36, verbose_name="reference"),
                ),
                (
                    "carrier_message_id",
                    models.CharField(blank=True, max_length=100, verbose_name="carrier's id"),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("scheduled", "Scheduled"),
                            ("queued", "Queued"),
                            ("submitting", "Submitting"),
                            ("enroute", "On its way"),
                            ("delivered", "Delivered"),
                            ("expired", "Expired"),
                            ("undeliverable", "Undeliverable"),
                            ("rejected", "Rejected"),
                            ("unknown", "Outcome unknown"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=13,
                        verbose_name="state",
                    ),
                ),
                ("ptt", models.PositiveSmallIntegerField(verbose_name="ptt")),
                (
                    "code",
                    models.CharField(blank=True, max_length=40, verbose_name="carrier's code"),
                ),
                (
                    "reported_at",
                    models.DateTimeField(null=True, verbose_name="time given by the carrier"),
                ),
                ("received_at", models.DateTimeField(verbose_name="received")),
                ("faults", models.PositiveSmallIntegerField(default=0, verbose_name="faults")),
                ("problem", models.CharField(blank=True, max_length=200, verbose_name="problem")),
                (
                    "attempt",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reports",
                        to="sms_accounts.attempt",
                    ),
                ),
                (
                    "post",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reports",
                        to="sms_accounts.dlrpost",
                    ),
                ),
            ],
            options={
                "verbose_name": "DLR",
                "verbose_name_plural": "DLRs",
                "indexes": [
                    models.Index(
                        condition=models.Q(("attempt", None)),
                        fields=["carrier", "carrier_message_id"],
                        name="dlr_reports_unmatched",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("worker", "Worker"), ("beat", "Beat"), ("smpp", "Smpp")],
                        max_length=6,
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("queues", models.CharField(blank=True, max_length=200)),
                ("at", models.DateTimeField()),
                ("own_clock", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "name"), name="one_heartbeat_per_process"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HttpCarrier",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Messages are filed under it, so it never changes.",
                        max_length=40,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^(?!simulator\\Z)[a-z0-9][a-z0-9-]{0,39}\\Z",
                                "Small letters, digits and hyphens, at most 40; not 'simulator', which there is already.",
                            )
                        ],
                        verbose_name="name",
                    ),
                ),
                (
                    "description",
                    models.CharField(blank=True, max_length=200, verbose_name="description"),
                ),
                (
                    "is_enabled",
                    models.BooleanField(
                        default=False,
                        help_text="It may be given messages.",
                        verbose_name="switched on",
                    ),
                ),
                (
                    "is_default",
                    models.BooleanField(
                        default=False,
                        help_text="What no route sends elsewhere goes to this carrier from now on. With no carrier chosen, the one in PANEL_CARRIER takes it.",
                        verbose_name="takes all messages without a route",
                    ),
                ),
                ("password_sealed", models.TextField(blank=True, editable=False)),
                (
                    "certificates",
                    models.TextField(
                        blank=True,
                        help_text="In PEM: trusted instead of those of the system, for a carrier with a certificate of its own making.",
                        verbose_name="certificates",
                    ),
                ),
                (
                    "answer_seconds",
                    models.PositiveSmallIntegerField(
                        default=10,
                        help_text="After this time the outcome of a message counts as unknown.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(25),
                        ],
                        verbose_name="seconds to answer",
                    ),
                ),
                (
                    "err_codes",
                    models.TextField(
                        blank=True,
                        help_text="What 'err:' stands for, a line each, such as '011 = 27': code and ptt.",
                        validators=[sms_accounts.models.carrier_codes.check_err_codes],
                        verbose_name="codes in receipts",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("kannel", "Kannel (sendsms)"),
                            ("http2sms", "http2sms: another panel, or a provider who speaks it"),
                            ("generic", "any other, described by a form"),
                        ],
                        help_text="It never changes either.",
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                (
                    "url",
                    models.CharField(
                        help_text="Of Kannel http://HOST:13013/cgi-bin/sendsms, of http2sms https://HOST/http2sms; of any other with placeholders such as {to}, where they belong there.",
                        max_length=2000,
                        validators=[sms_accounts.models.http_carrier_lines.check_url],
                        verbose_name="URL",
                    ),
                ),
                (
                    "username",
                    models.CharField(blank=True, max_length=200, verbose_name="user name"),
                ),
                (
                    "account",
                    models.CharField(
                        blank=True,
                        help_text="For http2sms alone: the account there, such as sms-ab12345-1.",
                        max_length=60,
                        verbose_name="account",
                    ),
                ),
                ("dlr_secret_sealed", models.TextField(blank=True, editable=False)),
                (
                    "panel_url",
                    models.CharField(
                        blank=True,
                        help_text="Where the carrier reaches it elsewhere than at PANEL_URL.",
                        max_length=200,
                        validators=[sms_accounts.models.http_carrier_lines.check_panel_url],
                        verbose_name="this panel, seen from the carrier",
                    ),
                ),
                (
                    "window",
                    models.PositiveSmallIntegerField(
                        default=10,
                        help_text="How many calls may wait for their answer at once.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(128),
                        ],
                        verbose_name="window",
                    ),
                ),
                (
                    "rate",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Of each machine with workers. Empty: as fast as the window lets through.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10000),
                        ],
                        verbose_name="messages a second",
                    ),
                ),
                (
                    "takes_long_texts",
                    models.BooleanField(
                        default=True,
                        help_text="The carrier splits them. Else each part is a call, with the header that joins it to the others.",
                        verbose_name="takes long texts whole",
                    ),
                ),
                (
                    "smsc",
                    models.CharField(
                        blank=True,
                        help_text="Which of Kannel's SMSCs is to be taken, where it has several.",
                        max_length=60,
                        verbose_name="SMSC",
                    ),
                ),
                (
                    "knows_keys",
                    models.BooleanField(
                        default=False,
                        help_text="For a panel like this one: the same call again within 24 hours sends nothing, so that a message without an answer is handed over again at once.",
                        verbose_name="heeds idempotencyKey",
                    ),
                ),
                (
                    "method",
                    models.CharField(
                        choices=[("GET", "GET"), ("POST", "POST")],
                        default="POST",
                        max_length=4,
                        verbose_name="method",
                    ),
                ),
                (
                    "headers",
                    models.TextField(
                        blank=True,
                        help_text="A line each, such as 'Authorization: Bearer {password}'.",
                        validators=[sms_accounts.models.http_carrier_lines.check_headers],
                        verbose_name="headers",
                    ),
                ),
                (
                    "body_kind",
                    models.CharField(
                        choices=[
                            ("form", "a form: a line for each field, such as 'to = +{to}'"),
                            ("json", "JSON"),
                            ("xml", "XML"),
                        ],
                        default="form",
                        max_length=4,
                        verbose_name="body is",
                    ),
                ),
                (
                    "body",
                    models.TextField(
                        blank=True,
                        help_text="With {to}, {from}, {text}, {hex}, {reference}, {coding}, {class}, {validity}, {part}, {parts}, {udh}, {username}, {password}, {basic} and {dlr_url}. A field of a form that stays empty is left out.",
                        verbose_name="body",
                    ),
                ),
                (
                    "coding_gsm7",
                    models.CharField(
                        blank=True,
                        help_text="For {coding}.",
                        max_length=40,
                        verbose_name="coding of GSM 03.38",
                    ),
                ),
                (
                    "coding_ucs2",
                    models.CharField(
                        blank=True,
                        help_text="For {coding}.",
                        max_length=40,
                        verbose_name="coding of Unicode",
                    ),
                ),
                (
                    "reading",
                    models.CharField(
                        choices=[
                            ("json", "JSON, by paths such as messages.0.id"),
                            ("pattern", "text, by regular expressions with a group"),
                        ],
                        default="json",
                        max_length=7,
                        verbose_name="answers are",
                    ),
                ),
                (
                    "id_at",
                    models.CharField(
                        blank=True,
                        help_text="A path, or an expression whose first group is the id.",
                        max_length=200,
                        verbose_name="id",
                    ),
                ),
                (
                    "code_at",
                    models.CharField(
                        blank=True,
                        help_text="Where the answer says how it went.",
                        max_length=200,
                        verbose_name="code",
                    ),
                ),
                (
                    "answer_codes",
                    models.TextField(
                        blank=True,
                        help_text="A line each: 'taken', 'later', or the ptt of a refusal, such as '0 = taken', '1 = later', 'HTTP 400 = 20'.",
                        validators=[sms_accounts.models.http_carrier_lines.check_answer_codes],
                        verbose_name="what codes mean",
                    ),
                ),
                (
                    "dlr_list_at",
                    models.CharField(
                        blank=True,
                        help_text="The path to it, where a call has several in JSON.",
                        max_length=200,
                        verbose_name="list of reports",
                    ),
                ),
                (
                    "dlr_id",
                    models.CharField(blank=True, max_length=200, verbose_name="id in reports"),
                ),
                (
                    "dlr_reference",
                    models.CharField(
                        blank=True,
                        help_text="Not needed where {dlr_url} goes along: it is in there.",
                        max_length=200,
                        verbose_name="our reference in reports",
                    ),
                ),
                (
                    "dlr_state",
                    models.CharField(blank=True, max_length=200, verbose_name="state in reports"),
                ),
                (
                    "dlr_code",
                    models.CharField(blank=True, max_length=200, verbose_name="code in reports"),
                ),
                (
                    "dlr_states",
                    models.TextField(
                        blank=True,
                        help_text="A line each, such as 'Failed = undeliverable'. There are enroute, delivered, expired, undeliverable, rejected and unknown; these words and those of SMPP need no line.",
                        validators=[sms_accounts.models.http_carrier_lines.check_dlr_states],
                        verbose_name="what states mean",
                    ),
                ),
                (
                    "dlr_codes",
                    models.TextField(
                        blank=True,
                        help_text="A line each, such as '011 = 27': code and ptt.",
                        validators=[sms_accounts.models.carrier_codes.check_err_codes],
                        verbose_name="what codes of reports mean",
                    ),
                ),
                (
                    "dlr_answer",
                    models.CharField(
                        default="OK",
                        help_text="What the carrier wants to read, such as ACK/Jasmin.",
                        max_length=60,
                        verbose_name="answer to a report",
                    ),
                ),
            ],
            options={
                "verbose_name": "HTTP carrier",
                "verbose_name_plural": "HTTP carriers",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("is_default",),
                        name="one_http_carrier_takes_all_messages",
                        violation_error_message="Another carrier takes all messages without a route. Change that first.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_default", False), ("is_enabled", True), _connector="OR"
                        ),
                        name="http_carrier_that_takes_all_messages_is_on",
                        violation_error_message="A carrier that takes messages without a route must be switched on: they would wait.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("failures", "Many failures"),
                            ("burst", "Burst"),
                            ("country", "New country"),
                            ("hours", "Unusual hours"),
                        ],
                        max_length=8,
                        verbose_name="rule",
                    ),
                ),
                ("figures", models.JSONField(verbose_name="figures")),
                ("began_at", models.DateTimeField(verbose_name="began")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("paused_at", models.DateTimeField(blank=True, null=True, verbose_name="paused")),
                (
                    "released_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="released"),
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
                    "api_user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="incidents",
                        to="sms_accounts.apiuser",
                    ),
                ),
                (
                    "released_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "incident",
                "verbose_name_plural": "incidents",
                "indexes": [
                    models.Index(
                        condition=models.Q(("paused_at__isnull", False), ("released_at", None)),
                        fields=["account", "-id"],
                        name="incidents_that_pause",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("api_user", "rule"),
                        name="one_incident_per_user_and_rule_at_a_time",
                    )
                ],
            },
        ),
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
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("manager", "Manager"), ("viewer", "Viewer")],
                        default="owner",
                        max_length=10,
                        verbose_name="role",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "membership",
                "verbose_name_plural": "memberships",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "user"), name="one_role_per_person_and_account"
                    )
                ],
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
        migrations.CreateModel(
            name="MessageEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("scheduled", "Scheduled"),
                            ("queued", "Queued"),
                            ("submitting", "Submitting"),
                            ("enroute", "On its way"),
                            ("delivered", "Delivered"),
                            ("expired", "Expired"),
                            ("undeliverable", "Undeliverable"),
                            ("rejected", "Rejected"),
                            ("unknown", "Outcome unknown"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=13,
                        verbose_name="state",
                    ),
                ),
                ("ptt", models.PositiveSmallIntegerField(null=True, verbose_name="ptt")),
                (
                    "code",
                    models.CharField(blank=True, max_length=40, verbose_name="carrier's code"),
                ),
                ("cause", models.CharField(blank=True, max_length=200, verbose_name="cause")),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="sms_accounts.message",
                    ),
                ),
            ],
            options={
                "verbose_name": "message event",
                "verbose_name_plural": "message events",
            },
        ),
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
                ("file_name", models.CharField(max_length=60, unique=True, verbose_name="file")),
                ("total", models.PositiveBigIntegerField(null=True, verbose_name="messages found")),
                (
                    "rows",
                    models.PositiveBigIntegerField(default=0, verbose_name="messages written"),
                ),
                ("size", models.PositiveBigIntegerField(default=0, verbose_name="bytes")),
                ("last_message", models.BigIntegerField(null=True)),
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
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.CharField(max_length=254, verbose_name="address")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("done", "Sent"),
                            ("given_up", "Given up"),
                        ],
                        default="waiting",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("due_at", models.DateTimeField(verbose_name="next attempt")),
                ("tries", models.PositiveSmallIntegerField(default=0, verbose_name="tries")),
                ("done_at", models.DateTimeField(blank=True, null=True, verbose_name="done")),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("paused", "API user paused"),
                            ("not_renewed", "Quotas not renewed"),
                        ],
                        max_length=11,
                        verbose_name="kind",
                    ),
                ),
                ("matter", models.CharField(max_length=40, verbose_name="matter")),
                ("values", models.JSONField(default=dict, verbose_name="values")),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sms_accounts.apiuser",
                    ),
                ),
            ],
            options={
                "verbose_name": "notice",
                "verbose_name_plural": "notices",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["due_at", "id"],
                        name="notices_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "kind", "matter", "address"),
                        name="told_once_of_each_matter",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OptOut",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("msisdn", models.CharField(max_length=15, verbose_name="number")),
                (
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
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("created_at", models.DateTimeField(verbose_name="since")),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="opt_outs",
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
                "verbose_name": "opt-out",
                "verbose_name_plural": "opt-outs",
                "indexes": [models.Index(fields=["account", "-id"], name="opt_outs_of_account")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "msisdn"), name="opt_out_once_per_account_and_number"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="QuotaRenewal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "period",
                    models.CharField(
                        choices=[
                            ("day", "Every day"),
                            ("week", "Every week, on Monday"),
                            ("month", "Every month, on the first"),
                        ],
                        max_length=5,
                        verbose_name="renews",
                    ),
                ),
                ("credits", sms_accounts.models.fields.CreditsField(verbose_name="filled up to")),
                (
                    "missing",
                    sms_accounts.models.fields.CreditsField(default=0, verbose_name="missing"),
                ),
                ("renews_at", models.DateTimeField(verbose_name="renews at")),
                (
                    "api_user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="renewal",
                        to="sms_accounts.apiuser",
                    ),
                ),
            ],
            options={
                "verbose_name": "renewal of a quota",
                "verbose_name_plural": "renewals of quotas",
                "indexes": [
                    models.Index(fields=["renews_at", "id"], name="renewals_due"),
                    models.Index(
                        condition=models.Q(("missing__gt", 0)),
                        fields=["id"],
                        name="renewals_not_whole",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("credits__gt", 0)), name="renewed_quota_above_zero"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("missing__gte", 0)),
                        name="missing_credits_never_below_zero",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Rate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "prefix",
                    models.CharField(
                        blank=True,
                        help_text="First digits of the numbers, beginning with the country code; empty: all.",
                        max_length=15,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[0-9]*\\Z", "Digits only, without plus sign."
                            )
                        ],
                        verbose_name="prefix",
                    ),
                ),
                ("credits", sms_accounts.models.fields.CreditsField(verbose_name="credits a part")),
                (
                    "description",
                    models.CharField(blank=True, max_length=100, verbose_name="description"),
                ),
            ],
            options={
                "verbose_name": "rate",
                "verbose_name_plural": "rates",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("credits__gt", 0)), name="rate_above_zero"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReceivedPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField(verbose_name="part")),
                ("coding", models.CharField(max_length=8, verbose_name="coding")),
                ("octets", models.BinaryField(verbose_name="octets")),
                (
                    "received",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="came_parts",
                        to="sms_accounts.received",
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
        migrations.CreateModel(
            name="ReplySettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "url",
                    models.CharField(blank=True, max_length=2000, verbose_name="URL for replies"),
                ),
                ("answers_stop", models.BooleanField(default=True, verbose_name="answers STOP")),
                (
                    "account",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reply_settings",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reply_settings",
                        to="sms_accounts.apiuser",
                    ),
                ),
            ],
            options={
                "verbose_name": "settings of replies",
                "verbose_name_plural": "settings of replies",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("account", None), ("api_user__isnull", False)),
                            models.Q(("account__isnull", False), ("api_user", None)),
                            _connector="OR",
                        ),
                        name="reply_settings_are_of_an_account_or_of_a_user",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Route",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "description",
                    models.CharField(blank=True, max_length=200, verbose_name="description"),
                ),
                ("is_enabled", models.BooleanField(default=True, verbose_name="switched on")),
                (
                    "prefix",
                    models.CharField(
                        blank=True,
                        max_length=15,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[0-9]*\\Z", "Digits only, without plus sign."
                            )
                        ],
                        verbose_name="prefix",
                    ),
                ),
                ("sender", models.CharField(blank=True, max_length=15, verbose_name="sender")),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="routes",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="routes",
                        to="sms_accounts.apiuser",
                    ),
                ),
            ],
            options={
                "verbose_name": "route",
                "verbose_name_plural": "routes",
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.comparison.Coalesce("account", 0),
                        django.db.models.functions.comparison.Coalesce("api_user", 0),
                        models.F("sender"),
                        models.F("prefix"),
                        name="route_once_per_kind_of_messages",
                        violation_error_message="There is a route for just these messages already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("api_user", None), ("account__isnull", False), _connector="OR"
                        ),
                        name="route_of_api_user_names_its_account",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RouteCarrier",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("carrier", models.CharField(max_length=40, verbose_name="carrier")),
                (
                    "preference",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="1 is tried first; the next number, where that carrier is passed over.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(99),
                        ],
                        verbose_name="preference",
                    ),
                ),
                (
                    "share",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="Among carriers of one preference: 3 and 1 are three messages to one.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000),
                        ],
                        verbose_name="share",
                    ),
                ),
                (
                    "cost",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        help_text="What it asks of us, in credits.",
                        max_digits=10,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="cost a part",
                    ),
                ),
                (
                    "route",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="carriers",
                        to="sms_accounts.route",
                    ),
                ),
            ],
            options={
                "verbose_name": "carrier of a route",
                "verbose_name_plural": "carriers of a route",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("route", "carrier"),
                        name="carrier_once_per_route",
                        violation_error_message="A carrier stands in a route once.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RuleChoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("failures", "Many failures"),
                            ("burst", "Burst"),
                            ("country", "New country"),
                            ("hours", "Unusual hours"),
                        ],
                        max_length=8,
                        verbose_name="rule",
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        choices=[("off", "Off"), ("warn", "Warn"), ("pause", "Pause")],
                        max_length=5,
                        verbose_name="action",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rule_choices",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rule_choices",
                        to="sms_accounts.apiuser",
                    ),
                ),
            ],
            options={
                "verbose_name": "choice about a rule",
                "verbose_name_plural": "choices about rules",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("api_user", "rule"), name="one_choice_per_user_and_rule"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("api_user", None)),
                        fields=("account", "rule"),
                        name="one_choice_per_account_and_rule",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Sender",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=15,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^(?=.*[A-Za-z])[A-Za-z0-9 .&_-]{3,11}\\Z|^[0-9]{3,15}\\Z",
                                "3 to 11 letters and digits, or a number of 3 to 15 digits.",
                            )
                        ],
                        verbose_name="sender",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("enabled", "Enabled"),
                            ("refused", "Refused"),
                        ],
                        default="waiting",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                (
                    "takes_replies",
                    models.BooleanField(
                        default=False,
                        help_text="A number that replies reach; http2sms uses it for senderForResponse.",
                        verbose_name="takes replies",
                    ),
                ),
                (
                    "description",
                    models.CharField(blank=True, max_length=200, verbose_name="description"),
                ),
                ("reason", models.CharField(blank=True, max_length=500, verbose_name="reason")),
                (
                    "refused_because",
                    models.CharField(blank=True, max_length=500, verbose_name="refused because"),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True, verbose_name="decided")),
                ("is_for_all", models.BooleanField(default=True, verbose_name="for all API users")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="added")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="senders",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_users",
                    models.ManyToManyField(
                        blank=True, related_name="senders", to="sms_accounts.apiuser"
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "sender",
                "verbose_name_plural": "senders",
                "indexes": [
                    models.Index(
                        condition=models.Q(("takes_replies", True)),
                        fields=["name"],
                        name="senders_that_take_replies",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "name"), name="sender_once_per_account"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SenderNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.CharField(max_length=254, verbose_name="address")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("done", "Sent"),
                            ("given_up", "Given up"),
                        ],
                        default="waiting",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("due_at", models.DateTimeField(verbose_name="next attempt")),
                ("tries", models.PositiveSmallIntegerField(default=0, verbose_name="tries")),
                ("done_at", models.DateTimeField(blank=True, null=True, verbose_name="done")),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("sender", models.CharField(max_length=15, verbose_name="sender")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("enabled", "Enabled"),
                            ("refused", "Refused"),
                        ],
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                (
                    "refused_because",
                    models.CharField(blank=True, max_length=500, verbose_name="refused because"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sms_accounts.account",
                    ),
                ),
            ],
            options={
                "verbose_name": "notice of a sender",
                "verbose_name_plural": "notices of senders",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["due_at", "id"],
                        name="sender_notices_due",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SmppCarrier",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Messages are filed under it, so it never changes.",
                        max_length=40,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^(?!simulator\\Z)[a-z0-9][a-z0-9-]{0,39}\\Z",
                                "Small letters, digits and hyphens, at most 40; not 'simulator', which there is already.",
                            )
                        ],
                        verbose_name="name",
                    ),
                ),
                (
                    "description",
                    models.CharField(blank=True, max_length=200, verbose_name="description"),
                ),
                (
                    "is_default",
                    models.BooleanField(
                        default=False,
                        help_text="What no route sends elsewhere goes to this carrier from now on. With no carrier chosen, the one in PANEL_CARRIER takes it.",
                        verbose_name="takes all messages without a route",
                    ),
                ),
                ("password_sealed", models.TextField(blank=True, editable=False)),
                (
                    "certificates",
                    models.TextField(
                        blank=True,
                        help_text="In PEM: trusted instead of those of the system, for a carrier with a certificate of its own making.",
                        verbose_name="certificates",
                    ),
                ),
                (
                    "window",
                    models.PositiveSmallIntegerField(
                        default=10,
                        help_text="How many messages of a bind may wait for their answer at once.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(500),
                        ],
                        verbose_name="window",
                    ),
                ),
                (
                    "rate",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Over all binds. Empty: as fast as the window lets through.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10000),
                        ],
                        verbose_name="messages a second",
                    ),
                ),
                (
                    "answer_seconds",
                    models.PositiveSmallIntegerField(
                        default=10,
                        help_text="After this time the outcome of a message counts as unknown.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(25),
                        ],
                        verbose_name="seconds to answer",
                    ),
                ),
                (
                    "err_codes",
                    models.TextField(
                        blank=True,
                        help_text="What 'err:' stands for, a line each, such as '011 = 27': code and ptt.",
                        validators=[sms_accounts.models.carrier_codes.check_err_codes],
                        verbose_name="codes in receipts",
                    ),
                ),
                (
                    "is_enabled",
                    models.BooleanField(
                        default=False,
                        help_text="Its process binds, and takes receipts.",
                        verbose_name="switched on",
                    ),
                ),
                (
                    "host",
                    models.CharField(
                        max_length=253,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[ -~]*\\Z", "Letters, digits and signs without accents."
                            )
                        ],
                        verbose_name="host",
                    ),
                ),
                (
                    "port",
                    models.PositiveIntegerField(
                        default=2775,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(65535),
                        ],
                        verbose_name="port",
                    ),
                ),
                ("uses_tls", models.BooleanField(default=False, verbose_name="TLS")),
                (
                    "system_id",
                    models.CharField(
                        max_length=15,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[ -~]*\\Z", "Letters, digits and signs without accents."
                            )
                        ],
                        verbose_name="system ID",
                    ),
                ),
                (
                    "system_type",
                    models.CharField(
                        blank=True,
                        help_text="Only where the carrier asks for one.",
                        max_length=12,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[ -~]*\\Z", "Letters, digits and signs without accents."
                            )
                        ],
                        verbose_name="system type",
                    ),
                ),
                (
                    "bind",
                    models.CharField(
                        choices=[
                            ("transceiver", "one bind for both ways (transceiver)"),
                            ("split", "a bind for each way (transmitter and receiver)"),
                        ],
                        default="transceiver",
                        max_length=11,
                        verbose_name="bind",
                    ),
                ),
                (
                    "binds",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="As many as the carrier allows; of both kinds, where there are two.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(8),
                        ],
                        verbose_name="binds at once",
                    ),
                ),
                (
                    "enquire_seconds",
                    models.PositiveSmallIntegerField(
                        default=30,
                        help_text="After so long a silence the carrier is asked whether it is there.",
                        validators=[
                            django.core.validators.MinValueValidator(5),
                            django.core.validators.MaxValueValidator(600),
                        ],
                        verbose_name="seconds between enquiries",
                    ),
                ),
                (
                    "service_type",
                    models.CharField(
                        blank=True,
                        max_length=5,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[ -~]*\\Z", "Letters, digits and signs without accents."
                            )
                        ],
                        verbose_name="service type",
                    ),
                ),
                (
                    "alphanumeric_ton",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "unknown (0)"),
                            (1, "international (1)"),
                            (2, "national (2)"),
                            (3, "network specific (3)"),
                            (4, "subscriber number (4)"),
                            (5, "alphanumeric (5)"),
                            (6, "abbreviated (6)"),
                        ],
                        default=5,
                        verbose_name="TON of a name",
                    ),
                ),
                (
                    "alphanumeric_npi",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "unknown (0)"),
                            (1, "telephone, E.164 (1)"),
                            (3, "data, X.121 (3)"),
                            (4, "telex, F.69 (4)"),
                            (6, "land mobile, E.212 (6)"),
                            (8, "national (8)"),
                            (9, "private (9)"),
                            (10, "ERMES (10)"),
                            (14, "internet, IP (14)"),
                            (18, "WAP client (18)"),
                        ],
                        default=0,
                        verbose_name="NPI of a name",
                    ),
                ),
                (
                    "longest_short",
                    models.PositiveSmallIntegerField(
                        default=6,
                        help_text="A sender of so many digits at most is a short number.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(15),
                        ],
                        verbose_name="digits of a short number",
                    ),
                ),
                (
                    "short_ton",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "unknown (0)"),
                            (1, "international (1)"),
                            (2, "national (2)"),
                            (3, "network specific (3)"),
                            (4, "subscriber number (4)"),
                            (5, "alphanumeric (5)"),
                            (6, "abbreviated (6)"),
                        ],
                        default=3,
                        verbose_name="TON of a short number",
                    ),
                ),
                (
                    "short_npi",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "unknown (0)"),
                            (1, "telephone, E.164 (1)"),
                            (3, "data, X.121 (3)"),
                            (4, "telex, F.69 (4)"),
                            (6, "land mobile, E.212 (6)"),
                            (8, "national (8)"),
                            (9, "private (9)"),
                            (10, "ERMES (10)"),
                            (14, "internet, IP (14)"),
                            (18, "WAP client (18)"),
                        ],
                        default=0,
                        verbose_name="NPI of a short number",
                    ),
                ),
                (
                    "international_ton",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "unknown (0)"),
                            (1, "international (1)"),
                            (2, "national (2)"),
                            (3, "network specific (3)"),
                            (4, "subscriber number (4)"),
                            (5, "alphanumeric (5)"),
                            (6, "abbreviated (6)"),
                        ],
                        default=1,
                        verbose_name="TON of a long number",
                    ),
                ),
                (
                    "international_npi",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "unknown (0)"),
                            (1, "telephone, E.164 (1)"),
                            (3, "data, X.121 (3)"),
                            (4, "telex, F.69 (4)"),
                            (6, "land mobile, E.212 (6)"),
                            (8, "national (8)"),
                            (9, "private (9)"),
                            (10, "ERMES (10)"),
                            (14, "internet, IP (14)"),
                            (18, "WAP client (18)"),
                        ],
                        default=1,
                        verbose_name="NPI of a long number",
                    ),
                ),
                (
                    "receiver_ton",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "unknown (0)"),
                            (1, "international (1)"),
                            (2, "national (2)"),
                            (3, "network specific (3)"),
                            (4, "subscriber number (4)"),
                            (5, "alphanumeric (5)"),
                            (6, "abbreviated (6)"),
                        ],
                        default=1,
                        verbose_name="TON of the receiver",
                    ),
                ),
                (
                    "receiver_npi",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "unknown (0)"),
                            (1, "telephone, E.164 (1)"),
                            (3, "data, X.121 (3)"),
                            (4, "telex, F.69 (4)"),
                            (6, "land mobile, E.212 (6)"),
                            (8, "national (8)"),
                            (9, "private (9)"),
                            (10, "ERMES (10)"),
                            (14, "internet, IP (14)"),
                            (18, "WAP client (18)"),
                        ],
                        default=1,
                        verbose_name="NPI of the receiver",
                    ),
                ),
                (
                    "joining",
                    models.CharField(
                        choices=[
                            ("udh", "a header in each part (UDH)"),
                            ("sar", "parameters beside each part (sar_*)"),
                            ("payload", "one piece, which the carrier splits (message_payload)"),
                        ],
                        default="udh",
                        max_length=7,
                        verbose_name="long texts",
                    ),
                ),
                (
                    "coding_gsm7",
                    models.PositiveSmallIntegerField(
                        default=0,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(255),
                        ],
                        verbose_name="data_coding of GSM 03.38",
                    ),
                ),
                (
                    "coding_ucs2",
                    models.PositiveSmallIntegerField(
                        default=8,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(255),
                        ],
                        verbose_name="data_coding of Unicode",
                    ),
                ),
                (
                    "class_by",
                    models.CharField(
                        choices=[
                            ("coding", "data_coding"),
                            ("subunit", "the parameter dest_addr_subunit"),
                        ],
                        default="coding",
                        max_length=7,
                        verbose_name="message class in",
                    ),
                ),
                (
                    "validity_hours",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="How long the carrier tries. Empty: as long as it does by itself.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(720),
                        ],
                        verbose_name="hours of validity",
                    ),
                ),
                (
                    "intermediate",
                    models.BooleanField(
                        default=False,
                        help_text="Ask for receipts of what comes before the end too.",
                        verbose_name="intermediate receipts",
                    ),
                ),
                (
                    "keeps_reference",
                    models.BooleanField(
                        default=True,
                        help_text="As user_message_reference, by which a receipt finds a message that was never answered. Switch it off where the carrier refuses it.",
                        verbose_name="sends our reference",
                    ),
                ),
                (
                    "ids_in_answers",
                    models.CharField(
                        choices=[
                            ("caseless", "any text; case and leading zeros do not count"),
                            ("exact", "any text, to the letter"),
                            ("decimal", "a decimal number"),
                            ("hex", "a hexadecimal number"),
                        ],
                        default="caseless",
                        max_length=8,
                        verbose_name="ids in answers",
                    ),
                ),
                (
                    "ids_in_receipts",
                    models.CharField(
                        choices=[
                            ("caseless", "any text; case and leading zeros do not count"),
                            ("exact", "any text, to the letter"),
                            ("decimal", "a decimal number"),
                            ("hex", "a hexadecimal number"),
                        ],
                        default="caseless",
                        max_length=8,
                        verbose_name="ids in receipts",
                    ),
                ),
                (
                    "statuses",
                    models.TextField(
                        blank=True,
                        help_text="What differs from the standard, a line each, such as '0x0403 = later' or '0x0B = 23': command_status, and a ptt or 'later'.",
                        validators=[sms_accounts.models.carrier_codes.check_statuses],
                        verbose_name="statuses of answers",
                    ),
                ),
                (
                    "is_bound",
                    models.BooleanField(default=False, editable=False, verbose_name="bound"),
                ),
                (
                    "bind_told",
                    models.CharField(
                        blank=True, editable=False, max_length=200, verbose_name="last event"
                    ),
                ),
                (
                    "bind_told_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="last event at"
                    ),
                ),
            ],
            options={
                "verbose_name": "SMPP carrier",
                "verbose_name_plural": "SMPP carriers",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("is_default",),
                        name="one_carrier_takes_all_messages",
                        violation_error_message="Another carrier takes all messages without a route. Change that first.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_default", False), ("is_enabled", True), _connector="OR"
                        ),
                        name="carrier_that_takes_all_messages_is_on",
                        violation_error_message="A carrier that takes messages without a route must be switched on: they would wait.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Notification",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "Email"), ("sms", "SMS")],
                        max_length=5,
                        verbose_name="channel",
                    ),
                ),
                ("round", models.PositiveSmallIntegerField(default=0, verbose_name="sent again")),
                ("asked_at", models.DateTimeField(blank=True, null=True, verbose_name="asked for")),
                ("address", models.CharField(max_length=254, verbose_name="address")),
                (
                    "state",
                    models.CharField(
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
                ("due_at", models.DateTimeField(verbose_name="next attempt")),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0, verbose_name="tries")),
                (
                    "was_held",
                    models.BooleanField(default=False, verbose_name="held in quiet hours"),
                ),
                ("done_at", models.DateTimeField(blank=True, null=True, verbose_name="done")),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                (
                    "hindrance",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("credits", "The account's credits could not pay this SMS."),
                            ("refused", "This SMS could not be sent."),
                            ("fault", "The panel could not send this SMS."),
                        ],
                        max_length=7,
                        verbose_name="hindrance",
                    ),
                ),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notifications",
                        to="sms_accounts.alert",
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sms_accounts.submission",
                    ),
                ),
            ],
            options={
                "verbose_name": "notification",
                "verbose_name_plural": "notifications",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["due_at", "id"],
                        name="notifications_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("alert", "channel", "round"),
                        name="one_notification_per_alert_channel_and_round",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="IdempotencyKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=255, verbose_name="key")),
                ("fingerprint", models.CharField(max_length=64)),
                ("invalid", models.JSONField(default=list, verbose_name="invalid receivers")),
                ("created_at", models.DateTimeField(verbose_name="used")),
                (
                    "api_user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="idempotency_keys",
                        to="sms_accounts.apiuser",
                    ),
                ),
                (
                    "submission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="idempotency_key",
                        to="sms_accounts.submission",
                    ),
                ),
            ],
            options={
                "verbose_name": "idempotency key",
                "verbose_name_plural": "idempotency keys",
                "indexes": [models.Index(fields=["created_at"], name="idempotency_keys_by_age")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("api_user", "key"), name="idempotency_key_once_per_api_user"
                    )
                ],
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
                "indexes": [
                    models.Index(
                        fields=[
                            "account",
                            "starts_at",
                            "api_user",
                            "debited",
                            "refunded",
                            "messages",
                        ],
                        name="user_days_of_account",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("starts_at", "api_user"), name="figures_once_per_user_and_day"
                    )
                ],
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("api_user", "starts_at"), name="figures_once_per_user_and_quarter"
                    )
                ],
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
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="levels",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="levels",
                        to="sms_accounts.apiuser",
                    ),
                ),
                (
                    "wallet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="levels",
                        to="sms_accounts.wallet",
                    ),
                ),
            ],
            options={
                "verbose_name": "level",
                "verbose_name_plural": "levels",
                "indexes": [models.Index(fields=["wallet", "credits"], name="levels_of_wallet")],
            },
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("top_up", "Top-up"),
                            ("correction", "Correction"),
                            ("debit", "Messages"),
                            ("refund", "Refund"),
                            ("quota", "Quota"),
                            ("transfer", "Transfer"),
                        ],
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                ("credits", sms_accounts.models.fields.CreditsField(verbose_name="credits")),
                ("balance", sms_accounts.models.fields.CreditsField(verbose_name="balance after")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("created_at", models.DateTimeField(verbose_name="at")),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger_entries",
                        to="sms_accounts.account",
                    ),
                ),
                (
                    "api_user",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sms_accounts.apiuser",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sms_accounts.message",
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger_entries",
                        to="sms_accounts.submission",
                    ),
                ),
                (
                    "wallet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="sms_accounts.wallet",
                    ),
                ),
            ],
            options={
                "verbose_name": "ledger entry",
                "verbose_name_plural": "ledger entries",
                "indexes": [
                    models.Index(fields=["account", "-id"], name="ledger_of_account"),
                    models.Index(fields=["account", "api_user", "-id"], name="ledger_of_api_user"),
                    models.Index(fields=["wallet", "-id"], name="ledger_of_wallet"),
                    models.Index(
                        condition=models.Q(("kind", "debit"), _negated=True),
                        fields=["account", "kind", "-id"],
                        name="ledger_but_debits",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "refund")),
                        fields=("message",),
                        name="refund_once_per_message",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "debit")),
                        fields=("submission",),
                        name="debit_once_per_submission",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("credits", 0), _negated=True),
                        name="ledger_entry_moves_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("balance__gte", 0)),
                        name="ledger_balance_never_overdrawn",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "debit"), ("submission__isnull", False)),
                            models.Q(
                                ("kind", "refund"),
                                ("message__isnull", False),
                                ("submission__isnull", False),
                            ),
                            models.Q(("api_user__isnull", False), ("kind", "quota")),
                            models.Q(
                                ("kind__in", ["top_up", "correction", "transfer"]),
                                models.Q(("reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="ledger_entry_says_why_or_for_what",
                    ),
                ],
            },
        ),
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("wallet", "day"), name="spending_once_per_wallet_and_day"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="account",
            name="default_sender",
            field=models.ForeignKey(
                blank=True,
                help_text="Of calls of http2sms that name none; only while it is enabled.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="sms_accounts.sender",
                verbose_name="default sender",
            ),
        ),
        migrations.RunPython(entries.protect, entries.unprotect),
        migrations.RunPython(revisions.count_changes, revisions.count_no_changes),
        migrations.RunPython(uses.count_uses, uses.count_no_uses),
        migrations.RunPython(rates.add, rates.remove),
    ]
