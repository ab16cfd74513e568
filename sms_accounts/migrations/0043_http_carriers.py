"""What staff tell of each carrier that is called over HTTP."""

import django.core.validators
from django.db import migrations, models

import sms_accounts.models.carrier_codes
import sms_accounts.models.http_carrier_lines


class Migration(migrations.Migration):
    dependencies = [
        ("sms_accounts", "0055_callbacks_retrying"),
    ]

    operations = [
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
                        help_text="What is due from now on goes to this carrier. With no carrier chosen, the one in PANEL_CARRIER takes it.",
                        verbose_name="takes all messages",
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
                ("password_sealed", models.TextField(blank=True, editable=False)),
                (
                    "account",
                    models.CharField(
                        blank=True,
                        help_text="For http2sms alone: the account there, such as sms-ab12345-1.",
                        max_length=60,
                        verbose_name="account",
                    ),
                ),
                (
                    "certificates",
                    models.TextField(
                        blank=True,
                        help_text="In PEM: trusted instead of those of the system, for a carrier with a certificate of its own making.",
                        verbose_name="certificates",
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
                    "err_codes",
                    models.TextField(
                        blank=True,
                        help_text="What 'err:' stands for, a line each, such as '011 = 27': code and ptt.",
                        validators=[sms_accounts.models.carrier_codes.check_err_codes],
                        verbose_name="codes in receipts",
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
                        violation_error_message="Another carrier takes all messages. Change that first.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_default", False), ("is_enabled", True), _connector="OR"
                        ),
                        name="http_carrier_that_takes_all_messages_is_on",
                        violation_error_message="A carrier that takes all messages must be switched on: they would wait.",
                    ),
                ],
            },
        ),
    ]
