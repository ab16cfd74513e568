"""The words of http2sms: its paths, parameters and answers, for whoever reads or writes them.

Beside this module only `endpoints/http2sms*.py`, the texts in `programs.py` and the carrier that
speaks it know a wire name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

# As much of an id as there is room for.
_LONGEST_ID = 64

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
        meaning=_(
            "An enabled sender of the account. May be empty where the account has a default "
            "sender, or with senderForResponse=1."
        ),
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


PASSWORD = "password"  # noqa: S105  # its name
IDEMPOTENCY_KEY = "idempotencyKey"
# What the user name of HTTP Basic consists of, with a slash between them.
BASIC = ("account", "login")
JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Status:
    """One status of an answer, with the HTTP status that it comes under."""

    number: int
    http_status: int = 200
    meaning: StrOrPromise
    advice: StrOrPromise


STATUSES = (
    Status(
        number=100,
        meaning=_("Accepted, paid and stored; the ids are in the order of the receivers."),
        advice=_("Keep the ids: callbacks name them. Numbers that were left out are listed."),
    ),
    Status(
        number=201,
        meaning=_("A parameter is missing; the text names it."),
        advice=_("Add it and call again."),
    ),
    Status(
        number=202,
        meaning=_(
            "A parameter is wrong, the credentials are, or credits or quota do not suffice; the "
            "text says which."
        ),
        advice=_("Correct it, or give the user credits. The same call again gets the same."),
    ),
    Status(
        number=241,
        meaning=_("The sender is unknown, not enabled, or not for this user."),
        advice=_("Use an enabled sender that this user may show: see Senders."),
    ),
    Status(
        number=401,
        meaning=_("The password is right, but the restrictions refuse the caller's address."),
        advice=_("Call from an address that they name, or add the one in the text."),
    ),
    Status(
        number=429,
        http_status=429,
        meaning=_("Too many wrong passwords, or more messages a minute than the user may send."),
        advice=_("Wait for the seconds in the header Retry-After, then call again."),
    ),
    Status(
        number=503,
        http_status=503,
        meaning=_("The panel cannot reach its database."),
        advice=_(
            "Call again after the seconds in Retry-After, with the same idempotencyKey if the "
            "call had one."
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of answers, with what it says of one accepted message and of a refusal."""

    content_type: str
    accepted: str
    refused: str


_HTML = """\
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" \
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<HTML>
<HEAD>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8">
<title>HTTP2SMS</title>
</HEAD>
<BODY>
{}
</BODY>
</HTML>
"""
_XML = '<?xml version="1.0" encoding="UTF-8" ?><response>{}</response>'
_XML_ACCEPTED = _XML.format(
    "<status>100</status><creditLeft>1987.00</creditLeft><smsIds><smsId>10867690</smsId></smsIds>"
)
_XML_REFUSED = _XML.format("<status>202</status><message>Invalid credentials</message>")
_JSON_ACCEPTED = '{"status":100,"smsIds":["10867690"],"SmsIds":["10867690"],"creditLeft":"1987.00"}'
_JSON_REFUSED = '{"status":202,"message":"Invalid credentials"}'

# The first is the one of a call that asks for none.
FORMATS = (
    Format(
        content_type="text/plain",
        accepted="OK\n1987.00\n10867690",
        refused="KO\nInvalid credentials\n",
    ),
    Format(
        content_type="text/html",
        accepted=_HTML.format("OK<br>\n1987.00<br>\n10867690<br>"),
        refused=_HTML.format("KO<br>Invalid credentials<br>"),
    ),
    Format(content_type="text/xml", accepted=_XML_ACCEPTED, refused=_XML_REFUSED),
    Format(content_type="application/xml", accepted=_XML_ACCEPTED, refused=_XML_REFUSED),
    Format(content_type="text/json", accepted=_JSON_ACCEPTED, refused=_JSON_REFUSED),
    Format(content_type=JSON, accepted=_JSON_ACCEPTED, refused=_JSON_REFUSED),
)

_ACCEPTED = re.compile(r'\{"status":100,|<response><status>100<|^OK<br>|\AOK$', flags=re.MULTILINE)


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


def with_options(
    parameters: Mapping[str, str], *, content_type: str, idempotency_key: str
) -> dict[str, str]:
    """Add the format of the answer and a key; and leave out the STOP clause of advertising."""
    return {
        **parameters,
        "noStop": "1",
        "contentType": content_type,
        IDEMPOTENCY_KEY: idempotency_key,
    }


def carried(
    *, coding: Literal["gsm7", "ucs2"], message_class: int | None, tag: str
) -> dict[str, str]:
    """Return the parameters of a text that is handed on as it was accepted elsewhere."""
    options = {"smsCoding": "1" if coding == "gsm7" else "2", "tag": tag}
    return options if message_class is None else {**options, "class": str(message_class)}


def first_id(answer: Mapping[str, object]) -> str:
    """Return the first id in an accepted answer, or nothing; providers spell the name both ways."""
    for name in ("smsIds", "SmsIds"):
        ids = answer.get(name)
        if isinstance(ids, list) and ids and isinstance(ids[0], str | int):
            return str(ids[0])[:_LONGEST_ID]
    return ""


def is_accepted(answer: str) -> bool:
    """Say whether an answer, in whichever format, is that of an accepted call."""
    return _ACCEPTED.search(answer) is not None


def sending_url(panel_url: str, parameters: dict[str, str]) -> str:
    """Return the whole URL of a call with these parameters in its query."""
    return f"{url_of(panel_url)}?{urlencode(parameters)}"
