"""The carriers that staff connect over HTTP: what each is called with, and what it says."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts import placeholders
from sms_accounts.models import http_carrier_lines as lines
from sms_accounts.models.carrier_codes import check_err_codes
from sms_accounts.models.connected_carrier import (
    ConnectedCarrier,
    between,
    one_default_that_is_on,
)


class HttpCarrier(ConnectedCarrier):
    """A carrier that is called over HTTP, of one of three kinds.

    The secret of its reports is sealed like its password.
    """

    class Kind(models.TextChoices):
        KANNEL = "kannel", _("Kannel (sendsms)")
        HTTP2SMS = "http2sms", _("http2sms: another panel, or a provider who speaks it")
        GENERIC = "generic", _("any other, described by a form")

    class Method(models.TextChoices):
        GET = "GET", "GET"
        POST = "POST", "POST"

    class Body(models.TextChoices):
        FORM = "form", _("a form: a line for each field, such as 'to = +{to}'")
        JSON = "json", _("JSON")
        XML = "xml", _("XML")

    class Reading(models.TextChoices):
        JSON = "json", _("JSON, by paths such as messages.0.id")
        PATTERN = "pattern", _("text, by regular expressions with a group")

    kind = models.CharField(
        _("kind"), max_length=8, choices=Kind.choices, help_text=_("It never changes either.")
    )
    url = models.CharField(
        _("URL"),
        max_length=2000,
        validators=[lines.check_url],
        help_text=_(
            "Of Kannel http://HOST:13013/cgi-bin/sendsms, of http2sms https://HOST/http2sms; of "
            "any other with placeholders such as {to}, where they belong there."
        ),
    )
    username = models.CharField(_("user name"), max_length=200, blank=True)
    account = models.CharField(
        _("account"),
        max_length=60,
        blank=True,
        help_text=_("For http2sms alone: the account there, such as sms-ab12345-1."),
    )
    dlr_secret_sealed = models.TextField(blank=True, editable=False)
    panel_url = models.CharField(
        _("this panel, seen from the carrier"),
        max_length=200,
        blank=True,
        validators=[lines.check_panel_url],
        help_text=_("Where the carrier reaches it elsewhere than at PANEL_URL."),
    )

    # Of calls, and no more than there should be threads.
    window = models.PositiveSmallIntegerField(
        _("window"),
        default=10,
        validators=between(1, 128),
        help_text=_("How many calls may wait for their answer at once."),
    )
    rate = models.PositiveIntegerField(
        _("messages a second"),
        null=True,
        blank=True,
        validators=between(1, 10_000),
        help_text=_("Of each machine with workers. Empty: as fast as the window lets through."),
    )
    takes_long_texts = models.BooleanField(
        _("takes long texts whole"),
        default=True,
        help_text=_(
            "The carrier splits them. Else each part is a call, with the header that joins it to "
            "the others."
        ),
    )

    smsc = models.CharField(
        _("SMSC"),
        max_length=60,
        blank=True,
        help_text=_("Which of Kannel's SMSCs is to be taken, where it has several."),
    )
    knows_keys = models.BooleanField(
        _("heeds idempotencyKey"),
        default=False,
        help_text=_(
            "For a panel like this one: the same call again within 24 hours sends nothing, so "
            "that a message without an answer is handed over again at once."
        ),
    )

    method = models.CharField(
        _("method"), max_length=4, choices=Method.choices, default=Method.POST
    )
    headers = models.TextField(
        _("headers"),
        blank=True,
        validators=[lines.check_headers],
        help_text=_("A line each, such as 'Authorization: Bearer {password}'."),
    )
    body_kind = models.CharField(
        _("body is"), max_length=4, choices=Body.choices, default=Body.FORM
    )
    body = models.TextField(
        _("body"),
        blank=True,
        help_text=_(
            "With {to}, {from}, {text}, {hex}, {reference}, {coding}, {class}, {validity}, {part}, "
            "{parts}, {udh}, {username}, {password}, {basic} and {dlr_url}. A field of a form "
            "that stays empty is left out."
        ),
    )
    coding_gsm7 = models.CharField(
        _("coding of GSM 03.38"), max_length=40, blank=True, help_text=_("For {coding}.")
    )
    coding_ucs2 = models.CharField(
        _("coding of Unicode"), max_length=40, blank=True, help_text=_("For {coding}.")
    )

    reading = models.CharField(
        _("answers are"), max_length=7, choices=Reading.choices, default=Reading.JSON
    )
    id_at = models.CharField(
        _("id"),
        max_length=200,
        blank=True,
        help_text=_("A path, or an expression whose first group is the id."),
    )
    code_at = models.CharField(
        _("code"), max_length=200, blank=True, help_text=_("Where the answer says how it went.")
    )
    answer_codes = models.TextField(
        _("what codes mean"),
        blank=True,
        validators=[lines.check_answer_codes],
        help_text=_(
            "A line each: 'taken', 'later', or the ptt of a refusal, such as '0 = taken', "
            "'1 = later', 'HTTP 400 = 20'."
        ),
    )

    dlr_list_at = models.CharField(
        _("list of reports"),
        max_length=200,
        blank=True,
        help_text=_("The path to it, where a call has several in JSON."),
    )
    dlr_id = models.CharField(_("id in reports"), max_length=200, blank=True)
    dlr_reference = models.CharField(
        _("our reference in reports"),
        max_length=200,
        blank=True,
        help_text=_("Not needed where {dlr_url} goes along: it is in there."),
    )
    dlr_state = models.CharField(_("state in reports"), max_length=200, blank=True)
    dlr_code = models.CharField(_("code in reports"), max_length=200, blank=True)
    dlr_states = models.TextField(
        _("what states mean"),
        blank=True,
        validators=[lines.check_dlr_states],
        help_text=_(
            "A line each, such as 'Failed = undeliverable'. There are enroute, delivered, expired, "
            "undeliverable, rejected and unknown; these words and those of SMPP need no line."
        ),
    )
    dlr_codes = models.TextField(
        _("what codes of reports mean"),
        blank=True,
        validators=[check_err_codes],
        help_text=_("A line each, such as '011 = 27': code and ptt."),
    )
    dlr_answer = models.CharField(
        _("answer to a report"),
        max_length=60,
        default="OK",
        help_text=_("What the carrier wants to read, such as ACK/Jasmin."),
    )

    class Meta:
        verbose_name = _("HTTP carrier")
        verbose_name_plural = _("HTTP carriers")
        constraints = one_default_that_is_on(
            one="one_http_carrier_takes_all_messages",
            is_on="http_carrier_that_takes_all_messages_is_on",
        )

    def clean(self) -> None:
        """Refuse what its kind cannot work with, each beside its field."""
        super().clean()
        wrong: dict[str, ValidationError] = {}
        if self.kind == self.Kind.HTTP2SMS and not self.account:
            wrong["account"] = ValidationError(_("Type in the account there."))
        if self.kind == self.Kind.GENERIC:
            for field, check in self._checks_of_form():
                try:
                    check()
                except ValidationError as error:
                    wrong[field] = error
            said = placeholders.names_in(f"{self.url} {self.headers} {self.body}")
            is_whole = "to" in said and bool(said & {"text", "hex"})
            if self.is_enabled and not is_whole:
                wrong.setdefault("body", ValidationError(_("Nothing says {to} and {text} yet.")))
        if wrong:
            raise ValidationError(wrong)

    def _checks_of_form(self) -> list[tuple[str, lines.Check]]:
        is_json = self.reading == self.Reading.JSON
        return [
            ("body", lambda: lines.check_body(self.body, self.body_kind)),
            ("id_at", lambda: lines.check_place(self.id_at, is_json=is_json)),
            ("code_at", lambda: lines.check_place(self.code_at, is_json=is_json)),
        ]
