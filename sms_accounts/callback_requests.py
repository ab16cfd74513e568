"""Says what a callback is called with: its URL, headers and body, in the words of the guide."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sms_accounts import callback_secrets, codes, outbound_urls
from sms_accounts.models import ApiUser, Callback, MessageEvent

POST = ApiUser.CallbackMethod.POST


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call as it goes out. There is a body where it is posted."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of a message's state, as a receiver hears of it.

    `event` is the same in each call for the change; `history` are the states up to it.
    """

    event: str
    sequence: int
    values: Sequence[tuple[str, str]]
    details: Mapping[str, object]
    history: Sequence[Mapping[str, object]] = ()


def request_of(
    url: str, change: Change, *, method: str, keys: Sequence[bytes], at: datetime
) -> Request:
    """Return the call of a URL that tells of a change, signed with each of the keys.

    What is signed is the body, or the whole query string of a call without one.
    """
    if method == POST:
        told = {**dict(change.values), **change.details, "states": list(change.history)}
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
    message, submission = callback.message, callback.message.submission
    return Change(
        event=f"dlr_{callback.message_id}_{callback.sequence}",
        sequence=callback.sequence,
        values=values(
            message_id=callback.message_id,
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
        },
        history=[
            {"state": event.state, "ptt": event.ptt, "at": _iso(event.at)}
            for event in events
            if event.state and event.at <= callback.changed_at
        ],
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


def url_with(url: str, added: Sequence[tuple[str, str]]) -> str:
    """Return a URL with values added; its own query is kept as it is, its fragment dropped."""
    bare = url.partition("#")[0]
    separator = "" if bare.endswith(("?", "&")) else "&" if "?" in bare else "?"
    return bare + separator + urlencode(added)
