"""From the words of http2sms to an order, and from what came of it to an answer.

Its texts are part of the protocol and therefore never translated.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from sms_accounts import credentials, idempotency, ledger, local_times, orders, pace, submission
from sms_accounts.callers import Caller
from sms_accounts.endpoints.http2sms_answers import FORMATS, Accepted, NotSent, Refused, shown
from sms_accounts.endpoints.http2sms_request import Said
from sms_accounts.http2sms import REQUIRED
from sms_accounts.models import Account, AddressUse, ApiUser, Submission
from sms_accounts.models.account import ACCOUNT_NAME_FORM
from sms_accounts.models.api_user import Address

Value = TypeVar("Value")

_FLAGS = {"1": True, "true": True, "": False, "0": False, "false": False}
_CLASSES = {"": None, "0": 0, "1": 1, "2": 2, "3": 3}
_UNICODE = {"": False, "1": False, "2": True}

# Some clients encode a line break twice; it then arrives as these three characters.
_LINE_BREAK = re.compile(r"(?:\r|%0d)(?:\n|%0a)|\r|\n|%0d|%0a", re.IGNORECASE)
_DEFERRED = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d{4})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The parameters that choose among few values, understood."""

    stop_clause: bool
    message_class: int | None
    unicode: bool
    wants_replies: bool


def understood(said: Said) -> Options:
    """Check everything that can be judged without knowing who calls."""
    if said.problem:
        raise said.problem
    _refuse_what_is_missing(said)
    if said.contradicted:
        raise NotSent(202, f"Invalid {said.contradicted}: it came twice with different values")
    if said["contentType"] and said["contentType"].lower() not in FORMATS:
        raise NotSent(202, f"Invalid contentType, it should be one of {', '.join(FORMATS)}")
    if not ACCOUNT_NAME_FORM.fullmatch(said["account"]):
        raise NotSent(202, "Invalid smsAccount, it should look like 'sms-ab1234-1'")
    options = _options(said["noStop"], said["class"], said["smsCoding"], said["senderForResponse"])
    if options.wants_replies and said["from"]:
        raise NotSent(202, "Invalid senderForResponse: leave from empty, or senderForResponse out")
    if len(said["idempotencyKey"]) > idempotency.LONGEST or "\0" in said["idempotencyKey"]:
        raise NotSent(202, f"Invalid idempotencyKey: at most {idempotency.LONGEST} characters")
    return options


@lru_cache(maxsize=1000)
def _options(no_stop: str, message_class: str, coding: str, wants_replies: str) -> Options:
    return Options(
        stop_clause=not _chosen("noStop", no_stop, _FLAGS),
        message_class=_chosen("class", message_class, _CLASSES),
        unicode=_chosen("smsCoding", coding, _UNICODE),
        wants_replies=_chosen("senderForResponse", wants_replies, _FLAGS),
    )


def _refuse_what_is_missing(said: Said) -> None:
    if said.receivers and all(map(said.values.get, REQUIRED)):
        return
    missing = [
        name
        for name in REQUIRED
        if not (said.receivers if name == "to" else said[name])
        and not (name == "from" and _FLAGS.get(said["senderForResponse"].lower()))
    ]
    # An account may have a default sender; which one it is, is known when the caller is.
    if missing and missing != ["from"]:
        raise _missing(missing[0])


def _missing(name: str) -> NotSent:
    return NotSent(201, f"Missing {name}", hint=f"These are required: {', '.join(REQUIRED)}.")


def _chosen(name: str, given: str, values: Mapping[str, Value]) -> Value:
    if given.lower() not in values:
        accepted = ", ".join(value for value in values if value)
        raise NotSent(202, f"Invalid {name}, it should be one of {accepted}")
    return values[given.lower()]


def claim_of(said: Said, address: Address) -> credentials.Claim:
    return credentials.Claim(
        account=said["account"],
        login=said["login"],
        password=said["password"],
        address=address,
    )


def refuses_method(user: ApiUser, said: Said) -> bool:
    """Say whether a user wants no password to come by the way by which this one came."""
    return user.refuses_url_passwords and said.method == AddressUse.Method.URL


def order_of(
    said: Said,
    options: Options,
    user: ApiUser,
    address: str,
    *,
    judged_by: Caller | None = None,
) -> orders.Order:
    """Return what is to be sent; raises NotSent where the time to send at is none."""
    account = user.account
    return orders.Order(
        account=account,
        api_user=user,
        channel=Submission.Channel.HTTP2SMS,
        sender=said["from"],
        receivers=said.receivers,
        text=_LINE_BREAK.sub("\n", said["message"]),
        stop_clause=options.stop_clause,
        message_class=options.message_class,
        unicode=options.unicode,
        tag=said["tag"],
        wants_replies=options.wants_replies,
        scheduled_at=_deferred(said, account),
        idempotency_key=said["idempotencyKey"],
        address=address,
        judged_by=judged_by,
    )


def _deferred(said: Said, account: Account) -> datetime | None:
    """Return the moment to send at; an hour that comes twice in its night is the first one."""
    given = said["deferred"]
    if not given:
        return None
    digits = _DEFERRED.fullmatch(given)
    if digits is None:
        raise _wrong_time()
    hour, minute, day, month, year = map(int, digits.groups())
    try:
        local = datetime(year, month, day, hour, minute)  # noqa: DTZ001  # the zone comes next
        return local_times.moment_of(local, ZoneInfo(account.time_zone))
    except ValueError:
        raise _wrong_time() from None


def _wrong_time() -> NotSent:
    hint = (
        "It should be a moment to come in the account's time zone, as hhmmddMMYYYY, such as "
        "125025112030 for 12:50 on 25 November 2030."
    )
    return NotSent(202, "Invalid deferred time", hint=hint)


def accepted(receipt: submission.Receipt) -> Accepted:
    return Accepted(
        message_ids=receipt.message_ids,
        invalid=receipt.invalid,
        credits_left=receipt.credits_left,
    )


# What comes of an order that a caller is told of.
REFUSALS = (
    orders.Refused,
    idempotency.KeyUsedOtherwise,
    pace.TooFast,
    ledger.InsufficientCredits,
)


def not_sent(refusal: Exception) -> Refused:
    """Return the answer to an order that came to one of the REFUSALS."""
    match refusal:
        case orders.Refused():
            return _refused(refusal).answer
        case pace.TooFast():
            return _too_fast(refusal).answer
        case ledger.InsufficientCredits():
            return _not_paid(refusal).answer
        case _:
            cause = "Invalid idempotencyKey: it came before, with other parameters"
            return Refused(status=202, cause=cause)


def _refused(refused: orders.Refused) -> NotSent:
    match refused:
        case orders.SenderNotEnabled():
            return NotSent(241, f"Sms sender {shown(str(refused))} does not exists")
        case orders.NoSender():
            return _missing("from")
        case orders.NoReplySender():
            cause = "Invalid senderForResponse: this account has no number that takes replies"
            return NotSent(202, cause)
        case orders.NotInTheFuture():
            return _wrong_time()
        case orders.CountryNotAllowed():
            cause = f"Invalid receiver {_first(refused)}: this user may not send to its country"
            return NotSent(202, cause)
        case orders.OptedOut():
            cause = f"Invalid receiver {_first(refused)}: it opted out of this account's messages"
            return NotSent(202, cause)
        case orders.NoValidReceiver():
            return NotSent(202, f"Invalid receiver {_first(refused)}")
        case orders.TooManyReceivers():
            return NotSent(202, f"Invalid receivers: {refused}")
        case orders.TagNotUsable():
            return NotSent(202, f"Invalid tag: {refused}")
        case _:
            return NotSent(202, f"Invalid message: {refused}")


def _first(refused: orders.NoValidReceiver) -> str:
    return ", ".join(shown(given) for given in refused.invalid[:5])


def _too_fast(limited: pace.TooFast) -> NotSent:
    if limited.wait is None:
        cause = f"Invalid receivers: this user may send {limited.most} messages a minute"
        return NotSent(202, cause)
    cause = f"Too many messages, this user may send {limited.most} a minute"
    return NotSent(429, cause, retry_after=limited.wait)


def _not_paid(short: ledger.InsufficientCredits) -> NotSent:
    if short.is_closed:
        return NotSent(202, "Invalid credentials")
    return NotSent(202, "Quota reached" if short.is_quota else "Not enough credits")
