"""Says what a callback is called with: its URL, headers and body, in the words of the guide."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sms_accounts import callback_secrets, codes, outbound_urls
from sms_accounts.models import ApiUser, Callback, MessageEvent, Received

POST = ApiUser.CallbackMethod.POST


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call as it goes out. There is a body where it is posted."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of a message's state, or a reply, as a receiver hears of it.

    `event` is the same in each call for it; `details` are told by POST alone.
    """

    event: str
    sequence: int
    values: Sequence[tuple[str, str]]
    details: Mapping[str, object]


def request_of(
    url: str, change: Change, *, method: str, keys: Sequence[bytes], at: datetime
) -> Request:
    """Return the call of a URL that tells of a change, signed with each of the keys.

    What is signed is the body, or the whole query string of a call without one.
    """
    if method == POST:
        told = {**dict(change.values), **change.details}
        body = json.dumps(told, ensure_ascii=False).encode()
        called = url.partition("#")[0]
        content = (("Content-Type", "application/json"),)
        return Request(
            url=called, headers=(*content, *_headers(change, keys, at, payload=body)), body=body
        )
    called = url_with(url, change.values)
    payload = outbound_urls.query_sent(called).encode()
    return Request(url=called, headers=_headers(change, keys, at, payload=payload))


def _headers(
    change: Change, keys: Sequence[bytes], at: datetime, *, payload: bytes
) -> tuple[tuple[str, str], ...]:
    headers = (
        ("Webhook-Id", change.event),
        ("Webhook-Timestamp", str(int(at.timestamp()))),
        ("Sms-Sequence", str(change.sequence)),
    )
    if not keys:
        return headers
    signature = callback_secrets.signature(keys, event=change.event, at=at, payload=payload)
    return (*headers, ("Webhook-Signature", signature))


def change_of(callback: Callback, events: Sequence[MessageEvent] = ()) -> Change:
    """Return what a callback tells. Asks no database for what was loaded with it.

    The id of the event has the sequence number in it, so that the signature covers both.
    """
    if callback.received is not None:
        return _reply(callback, callback.received)
    message = callback.message
    assert message is not None  # noqa: S101  # a constraint says so
    submission = message.submission
    return Change(
        event=f"dlr_{message.pk}_{callback.sequence}",
        sequence=callback.sequence,
        values=values(
            message_id=message.pk,
            state=callback.state,
            ptt=callback.ptt,
            changed_at=callback.changed_at,
            time_zone=callback.account.time_zone,
            tag=submission.tag,
        ),
        details={
            "sequence": callback.sequence,
            "state": callback.state,
            "changedAt": _iso(callback.changed_at),
            "msisdn": message.msisdn,
            "sender": submission.sender,
            "parts": submission.parts,
            "credits": str(message.credits),
            "acceptedAt": _iso(submission.created_at),
            "submittedAt": _iso(message.submitted_at),
            "states": [
                {"state": event.state, "ptt": event.ptt, "at": _iso(event.at)}
                for event in events
                if event.state and event.at <= callback.changed_at
            ],
        },
    )


def _reply(callback: Callback, received: Received) -> Change:
    answered = received.message
    return Change(
        event=f"reply_{received.pk}_{callback.sequence}",
        sequence=callback.sequence,
        values=reply_values(
            reply_id=received.pk,
            msisdn=received.msisdn,
            number=received.number,
            text=received.text,
            received_at=received.received_at,
            time_zone=callback.account.time_zone,
            keyword=received.keyword,
            message_id=answered.pk if answered else None,
            tag=answered.submission.tag if answered else "",
        ),
        details={
            "sequence": callback.sequence,
            "receivedAt": _iso(received.received_at),
            "parts": received.parts,
            "missing": received.missing,
        },
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")


def values(
    *,
    message_id: int,
    state: str,
    ptt: int | None,
    changed_at: datetime,
    time_zone: str,
    tag: str,
) -> list[tuple[str, str]]:
    """Return what is added to the URL's query; names and forms as the guide gives them."""
    dlr_id = codes.dlr_id(state, ptt)
    added = [
        ("id", str(message_id)),
        ("ptt", "" if ptt is None else str(ptt)),
        ("date", f"{changed_at.astimezone(ZoneInfo(time_zone)):%Y-%m-%d %H:%M:%S}"),
        ("description", str(dlr_id)),
        ("descriptionDlr", codes.DLR_TEXTS[dlr_id]),
        ("dlr", str(dlr_id)),
    ]
    return [*added, ("tag", tag)] if tag else added


def reply_values(
    *,
    reply_id: int,
    msisdn: str,
    number: str,
    text: str,
    received_at: datetime,
    time_zone: str,
    keyword: str = "",
    message_id: int | None = None,
    tag: str = "",
) -> list[tuple[str, str]]:
    """Return what is added to the query of a URL that hears of a reply; some only where known."""
    optional = [
        ("keyword", keyword),
        ("messageId", "" if message_id is None else str(message_id)),
        ("tag", tag),
    ]
    return [
        ("id", str(reply_id)),
        ("from", msisdn),
        ("to", number),
        ("text", text),
        ("date", f"{received_at.astimezone(ZoneInfo(time_zone)):%Y-%m-%d %H:%M:%S}"),
        *((name, value) for name, value in optional if value),
    ]


def url_with(url: str, added: Sequence[tuple[str, str]]) -> str:
    """Return a URL with values added; its own query is kept as it is, its fragment dropped."""
    bare = url.partition("#")[0]
    separator = "" if bare.endswith(("?", "&")) else "&" if "?" in bare else "?"
    return bare + separator + urlencode(added)
