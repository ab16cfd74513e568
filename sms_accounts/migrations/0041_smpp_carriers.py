"""What staff tell of each carrier that speaks SMPP."""

import django.core.validators
from django.db import migrations, models

import sms_accounts.models.carrier_codes


class Migration(migrations.Migration):
    dependencies = [
        ("sms_accounts", "0040_quotas_that_renew"),
    ]

    operations = [
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
                    "is_enabled",
                    models.BooleanField(
                        default=False,
                        help_text="Its process binds, and takes receipts.",
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
                    "certificates",
                    models.TextField(
                        blank=True,
                        help_text="In PEM: trusted instead of those of the system, for a carrier with a certificate of its own making.",
                        verbose_name="certificates",
                    ),
                ),
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
                ("password_sealed", models.TextField(blank=True, editable=False)),
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
                    "err_codes",
                    models.TextField(
                        blank=True,
                        help_text="What 'err:' stands for, a line each, such as '011 = 27': code and ptt.",
                        validators=[sms_accounts.models.carrier_codes.check_err_codes],
                        verbose_name="codes in receipts",
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
                        blank=True, editable=False, max_length=200, verbose_name="last said"
                    ),
                ),
                (
                    "bind_told_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="said"
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
                        violation_error_message="Another carrier takes all messages. Change that first.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_default", False), ("is_enabled", True), _connector="OR"
                        ),
                        name="carrier_that_takes_all_messages_is_on",
                        violation_error_message="A carrier that takes all messages must be switched on: they would wait.",
                    ),
                ],
            },
        ),
    ]
