"""The words of http2sms: its paths and parameters, for whoever reads a request or writes one.

Beside this module only `endpoints/http2sms*.py` know a wire name.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

PATH = "cgi-bin/sms/http2sms.cgi"
SHORT_PATH = "http2sms"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter as the guide for integrators lists it; names match whatever their capitals."""

    name: str
    meaning: StrOrPromise
    example: str
    aliases: tuple[str, ...] = ()
    is_required: bool = False


PARAMETERS = (
    Parameter(
        name="account",
        aliases=("smsAccount",),
        is_required=True,
        meaning=_("Name of the SMS account."),
        example="sms-ab12345-1",
    ),
    Parameter(
        name="login",
        is_required=True,
        meaning=_("ID of the API user."),
        example="billing",
    ),
    Parameter(
        name="password",
        is_required=True,
        meaning=_(
            "Password of the API user. Send it in the body or by HTTP Basic to keep it out of logs."
        ),
        example="Secret1234",
    ),
    Parameter(
        name="from",
        is_required=True,
        meaning=_("An enabled sender of the account. May be empty with senderForResponse=1."),
        example="Example",
    ),
    Parameter(
        name="to",
        is_required=True,
        meaning=_(
            "One receiver or several with commas between them, in international format: "
            "0033…, +33… or 33…."
        ),
        example="0033639980004,0033639980008",
    ),
    Parameter(
        name="message",
        is_required=True,
        meaning=_(
            "The text, in UTF-8 or ISO-8859-1. CR, LF, CRLF and a literal %0d are line breaks."
        ),
        example="Your parcel has arrived.",
    ),
    Parameter(
        name="noStop",
        meaning=_(
            "1 leaves out the STOP clause, which advertising needs and other messages do not."
        ),
        example="1",
    ),
    Parameter(
        name="deferred",
        meaning=_("When to send, as hhmmddMMYYYY in the account's time zone. Now unless given."),
        example="125025112030",
    ),
    Parameter(
        name="class",
        meaning=_(
            "0 shows on the screen at once, 1 is stored in the phone, 2 on the SIM, 3 in a "
            "device beside it."
        ),
        example="1",
    ),
    Parameter(
        name="smsCoding",
        aliases=("SMSencoding",),
        meaning=_("1 for 7 bit, 2 for Unicode. Chosen by the text unless given."),
        example="1",
    ),
    Parameter(
        name="tag",
        meaning=_("A word of your own, at most 20 characters, that comes back with each callback."),
        example="campaign-7",
    ),
    Parameter(
        name="contentType",
        meaning=_(
            "Format of the answer: text/plain, text/html, text/xml, application/xml, text/json "
            "or application/json."
        ),
        example="application/json",
    ),
    Parameter(
        name="senderForResponse",
        meaning=_("1 with an empty from: the account's number that takes replies is the sender."),
        example="1",
    ),
    Parameter(
        name="idempotencyKey",
        meaning=_(
            "A key of your own for this call, at most 255 characters; also as the header "
            "Idempotency-Key. The same call again within 24 hours gets the first answer again "
            "and sends nothing."
        ),
        example="order-4711",
    ),
)

REQUIRED = tuple(parameter.name for parameter in PARAMETERS if parameter.is_required)
# The proper name of a parameter, by each of its names in small letters.
NAMES = {
    name.lower(): parameter.name
    for parameter in PARAMETERS
    for name in (parameter.name, *parameter.aliases)
}


def url_of(panel_url: str) -> str:
    """Return the address that scripts call."""
    return f"{panel_url}/{PATH}"


def form(
    *, account: str, login: str, password: str, sender: str, msisdn: str, text: str
) -> dict[str, str]:
    """Return the parameters of a call that sends one text to one number."""
    return {
        "account": account,
        "login": login,
        "password": password,
        "from": sender,
        "to": msisdn,
        "message": text,
    }


def sending_url(panel_url: str, parameters: dict[str, str]) -> str:
    """Return the whole URL of a call with these parameters in its query."""
    return f"{url_of(panel_url)}?{urlencode(parameters)}"
