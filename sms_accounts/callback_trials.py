"""Makes one marked example of a callback for a person who wants to see how a receiver answers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import responses
from urllib.parse import urlsplit

from django.core.cache import cache
from django.utils import timezone

from sms_accounts import callback_requests, callback_secrets, callbacks, outbound, outbound_urls
from sms_accounts.models import Account, ApiUser

# A person waits for it.
TIMEOUT = timedelta(seconds=5)
# The panel must be nobody's tool against others.
A_MINUTE = 10

# What marks it: no message has this id, and no guide a longer word for it.
TEST_ID = 0
TAG = "test"


class TooMany(Exception):
    """The account has tried often enough for this minute."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A call that was made: what went out, and what came back, or why nothing did."""

    request: str
    answer: str = ""
    problem: str = ""
    is_success: bool = False


def tried(
    subject: ApiUser | Account, url: str, *, method: str, is_of_replies: bool = False
) -> Trial:
    """Call a URL with a marked example, signed as the subject's calls are; raises TooMany."""
    account = subject.account if isinstance(subject, ApiUser) else subject
    _count(account.pk)
    now = timezone.now()
    request = callback_requests.request_of(
        url,
        _example_of_reply(account, now) if is_of_replies else _example(account, now),
        method=method,
        keys=callback_secrets.valid_keys([subject], now).get(subject, ()),
        at=now,
    )
    try:
        answer = callbacks.send(request, timeout=TIMEOUT)
    except outbound_urls.NotAllowed as refused:
        return Trial(request=_shown_request(request), problem=refused.refusal.value)
    except outbound.CallFailed as failed:
        return Trial(request=_shown_request(request), problem=failed.reason.value)
    return Trial(
        request=_shown_request(request),
        answer=_shown_answer(answer),
        is_success=200 <= answer.status < 300,
    )


def _count(account: int) -> None:
    key = f"callback-trials:{account}:{int(timezone.now().timestamp()) // 60}"
    cache.add(key, 0, timeout=120)
    try:
        count = cache.incr(key)
    except ValueError:
        # The cache is away or was emptied: it forgets, and nobody is stopped for that.
        return
    if count > A_MINUTE:
        raise TooMany


def _example(account: Account, now: datetime) -> callback_requests.Change:
    return callback_requests.Change(
        event=f"dlr_test_{int(now.timestamp() * 1000)}",
        sequence=1,
        values=callback_requests.values(
            message_id=TEST_ID,
            state="delivered",
            ptt=4,
            changed_at=now,
            time_zone=account.time_zone,
            tag=TAG,
        ),
        details={
            "sequence": 1,
            "state": "delivered",
            "changedAt": now.isoformat(timespec="milliseconds"),
            "msisdn": "33639980004",
            "sender": "TEST",
            "parts": 1,
            "credits": "0.00",
            "acceptedAt": now.isoformat(timespec="milliseconds"),
            "submittedAt": now.isoformat(timespec="milliseconds"),
            "states": [
                {"state": "delivered", "ptt": 4, "at": now.isoformat(timespec="milliseconds")}
            ],
        },
    )


def _example_of_reply(account: Account, now: datetime) -> callback_requests.Change:
    return callback_requests.Change(
        event=f"reply_test_{int(now.timestamp() * 1000)}",
        sequence=1,
        values=callback_requests.reply_values(
            reply_id=TEST_ID,
            msisdn="33639980004",
            number="33639980000",
            text="Test",
            received_at=now,
            time_zone=account.time_zone,
            tag=TAG,
        ),
        details={
            "sequence": 1,
            "receivedAt": now.isoformat(timespec="milliseconds"),
            "parts": 1,
            "missing": 0,
        },
    )


def _shown_request(request: callback_requests.Request) -> str:
    parts = urlsplit(request.url)
    method = "GET" if request.body is None else "POST"
    query = f"?{parts.query}" if parts.query else ""
    lines = [f"{method} {parts.path or '/'}{query} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    return "\n".join([*lines, "", (request.body or b"").decode()]).strip()


def _shown_answer(answer: outbound.Answer) -> str:
    lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}".strip()]
    lines += [f"{name}: {value[:200]}" for name, value in answer.headers[:20]]
    return "\n".join([*lines, "", callbacks.shown(answer)]).strip()
