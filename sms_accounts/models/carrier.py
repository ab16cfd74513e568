"""The carriers that staff connect over SMPP: where each is, and how it wants to be spoken to."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.carrier_codes import check_statuses
from sms_accounts.models.connected_carrier import (
    ConnectedCarrier,
    between,
    one_default_that_is_on,
)

_ASCII = RegexValidator(r"^[ -~]*\Z", _("Letters, digits and signs without accents."))


class Ton(models.IntegerChoices):
    """Types of number. Source: SMPP v3.4, section 5.2.5."""

    UNKNOWN = 0, _("unknown (0)")
    INTERNATIONAL = 1, _("international (1)")
    NATIONAL = 2, _("national (2)")
    NETWORK = 3, _("network specific (3)")
    SUBSCRIBER = 4, _("subscriber number (4)")
    ALPHANUMERIC = 5, _("alphanumeric (5)")
    ABBREVIATED = 6, _("abbreviated (6)")


class Npi(models.IntegerChoices):
    """Numbering plans. Source: SMPP v3.4, section 5.2.6."""

    UNKNOWN = 0, _("unknown (0)")
    E164 = 1, _("telephone, E.164 (1)")
    DATA = 3, _("data, X.121 (3)")
    TELEX = 4, _("telex, F.69 (4)")
    LAND_MOBILE = 6, _("land mobile, E.212 (6)")
    NATIONAL = 8, _("national (8)")
    PRIVATE = 9, _("private (9)")
    ERMES = 10, _("ERMES (10)")
    INTERNET = 14, _("internet, IP (14)")
    WAP = 18, _("WAP client (18)")


class SmppCarrier(ConnectedCarrier):
    """A carrier that speaks SMPP 3.4, with everything that it wants to be told.

    The last three columns are written by the process that binds.
    """

    class Bind(models.TextChoices):
        TRANSCEIVER = "transceiver", _("one bind for both ways (transceiver)")
        SPLIT = "split", _("a bind for each way (transmitter and receiver)")

    class Joining(models.TextChoices):
        UDH = "udh", _("a header in each part (UDH)")
        SAR = "sar", _("parameters beside each part (sar_*)")
        PAYLOAD = "payload", _("one piece, which the carrier splits (message_payload)")

    class ClassBy(models.TextChoices):
        CODING = "coding", _("data_coding")
        SUBUNIT = "subunit", _("the parameter dest_addr_subunit")

    class Ids(models.TextChoices):
        CASELESS = "caseless", _("any text; case and leading zeros do not count")
        EXACT = "exact", _("any text, to the letter")
        DECIMAL = "decimal", _("a decimal number")
        HEX = "hex", _("a hexadecimal number")

    is_enabled = models.BooleanField(
        _("switched on"), default=False, help_text=_("Its process binds, and takes receipts.")
    )
    host = models.CharField(_("host"), max_length=253, validators=[_ASCII])
    port = models.PositiveIntegerField(_("port"), default=2775, validators=between(1, 65_535))
    uses_tls = models.BooleanField(_("TLS"), default=False)
    system_id = models.CharField(_("system ID"), max_length=15, validators=[_ASCII])
    system_type = models.CharField(
        _("system type"),
        max_length=12,
        blank=True,
        validators=[_ASCII],
        help_text=_("Only where the carrier asks for one."),
    )
    bind = models.CharField(
        _("bind"), max_length=11, choices=Bind.choices, default=Bind.TRANSCEIVER
    )
    binds = models.PositiveSmallIntegerField(
        _("binds at once"),
        default=1,
        validators=between(1, 8),
        help_text=_("As many as the carrier allows; of both kinds, where there are two."),
    )

    enquire_seconds = models.PositiveSmallIntegerField(
        _("seconds between enquiries"),
        default=30,
        validators=between(5, 600),
        help_text=_("After so long a silence the carrier is asked whether it is there."),
    )

    service_type = models.CharField(
        _("service type"), max_length=5, blank=True, validators=[_ASCII]
    )
    alphanumeric_ton = models.PositiveSmallIntegerField(
        _("TON of a name"), choices=Ton.choices, default=Ton.ALPHANUMERIC
    )
    alphanumeric_npi = models.PositiveSmallIntegerField(
        _("NPI of a name"), choices=Npi.choices, default=Npi.UNKNOWN
    )
    longest_short = models.PositiveSmallIntegerField(
        _("digits of a short number"),
        default=6,
        validators=between(0, 15),
        help_text=_("A sender of so many digits at most is a short number."),
    )
    short_ton = models.PositiveSmallIntegerField(
        _("TON of a short number"), choices=Ton.choices, default=Ton.NETWORK
    )
    short_npi = models.PositiveSmallIntegerField(
        _("NPI of a short number"), choices=Npi.choices, default=Npi.UNKNOWN
    )
    international_ton = models.PositiveSmallIntegerField(
        _("TON of a long number"), choices=Ton.choices, default=Ton.INTERNATIONAL
    )
    international_npi = models.PositiveSmallIntegerField(
        _("NPI of a long number"), choices=Npi.choices, default=Npi.E164
    )
    receiver_ton = models.PositiveSmallIntegerField(
        _("TON of the receiver"), choices=Ton.choices, default=Ton.INTERNATIONAL
    )
    receiver_npi = models.PositiveSmallIntegerField(
        _("NPI of the receiver"), choices=Npi.choices, default=Npi.E164
    )

    joining = models.CharField(
        _("long texts"), max_length=7, choices=Joining.choices, default=Joining.UDH
    )
    coding_gsm7 = models.PositiveSmallIntegerField(
        _("data_coding of GSM 03.38"), default=0, validators=between(0, 255)
    )
    coding_ucs2 = models.PositiveSmallIntegerField(
        _("data_coding of Unicode"), default=8, validators=between(0, 255)
    )
    class_by = models.CharField(
        _("message class in"), max_length=7, choices=ClassBy.choices, default=ClassBy.CODING
    )
    validity_hours = models.PositiveSmallIntegerField(
        _("hours of validity"),
        null=True,
        blank=True,
        validators=between(1, 720),
        help_text=_("How long the carrier tries. Empty: as long as it does by itself."),
    )
    intermediate = models.BooleanField(
        _("intermediate receipts"),
        default=False,
        help_text=_("Ask for receipts of what comes before the end too."),
    )
    keeps_reference = models.BooleanField(
        _("sends our reference"),
        default=True,
        help_text=_(
            "As user_message_reference, by which a receipt finds a message that was never "
            "answered. Switch it off where the carrier refuses it."
        ),
    )

    ids_in_answers = models.CharField(
        _("ids in answers"), max_length=8, choices=Ids.choices, default=Ids.CASELESS
    )
    ids_in_receipts = models.CharField(
        _("ids in receipts"), max_length=8, choices=Ids.choices, default=Ids.CASELESS
    )
    statuses = models.TextField(
        _("statuses of answers"),
        blank=True,
        validators=[check_statuses],
        help_text=_(
            "What differs from the standard, a line each, such as '0x0403 = later' or "
            "'0x0B = 23': command_status, and a ptt or 'later'."
        ),
    )

    is_bound = models.BooleanField(_("bound"), default=False, editable=False)
    bind_told = models.CharField(_("last event"), max_length=200, blank=True, editable=False)
    bind_told_at = models.DateTimeField(_("last event at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("SMPP carrier")
        verbose_name_plural = _("SMPP carriers")
        constraints = one_default_that_is_on(
            one="one_carrier_takes_all_messages", is_on="carrier_that_takes_all_messages_is_on"
        )
