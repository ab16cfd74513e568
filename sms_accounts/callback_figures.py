"""How each endpoint of an account has answered lately: success, latency, the last calls."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from django.db.models import Q

from sms_accounts.models import (
    Account,
    ApiUser,
    Callback,
    CallbackAttempt,
    CallbackEndpoint,
)

# How many callbacks are looked at, the newest first, however many there are; how many calls
# are drawn, and how many endpoints are shown.
LOOKED_AT = 1_000
DRAWN = 40
MOST_ENDPOINTS = 30


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of an endpoint, as it is drawn."""

    is_success: bool
    duration: timedelta | None


@dataclass(kw_only=True)
class Figures:
    """One endpoint. `calls` are in their order."""

    url: str
    endpoint: CallbackEndpoint | None = None
    calls: list[Call] = field(default_factory=list)

    @property
    def shown_url(self) -> str:
        """Return the URL without its query, which may hold a key of the receiver."""
        return shown_url(self.url)

    @property
    def succeeded(self) -> int:
        return sum(call.is_success for call in self.calls)

    @property
    def success_rate(self) -> int | None:
        """Return how many of a hundred calls succeeded: 100 only where all did."""
        return 100 * self.succeeded // len(self.calls) if self.calls else None

    @property
    def drawn(self) -> Sequence[Call]:
        return self.calls[-DRAWN:]

    def latency(self, percent: int) -> timedelta | None:
        """Return how long so many of a hundred answered calls took at most."""
        answered = sorted(call.duration for call in self.calls if call.duration is not None)
        if not answered:
            return None
        return answered[max(0, -(-len(answered) * percent // 100) - 1)]

    @property
    def median(self) -> timedelta | None:
        return self.latency(50)

    @property
    def slowest(self) -> timedelta | None:
        return self.latency(95)


def shown_url(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def figures(account: Account, *, users: Sequence[ApiUser] = ()) -> list[Figures]:
    """Return the endpoints of the latest callbacks, of some users or all, and those in trouble."""
    latest = Callback.objects.filter(account=account)
    if users:
        latest = Callback.objects.filter(api_user__in=users)
    looked_at = latest.order_by("-pk").values("pk")[:LOOKED_AT]
    found: dict[str, Figures] = {}
    attempts = CallbackAttempt.objects.filter(callback__in=looked_at).order_by("pk")
    for url, status, duration in attempts.values_list("callback__url", "status", "duration"):
        success = status is not None and 200 <= status < 300
        figures_ = found.setdefault(url, Figures(url=url))
        figures_.calls.append(Call(is_success=success, duration=duration))
    for endpoint in _endpoints(account, found, and_in_trouble=not users):
        found.setdefault(endpoint.url, Figures(url=endpoint.url)).endpoint = endpoint
    return sorted(found.values(), key=lambda each: each.url)[:MOST_ENDPOINTS]


def _endpoints(
    account: Account, urls: Iterable[str], *, and_in_trouble: bool
) -> Iterable[CallbackEndpoint]:
    wanted = Q(url__in=list(urls))
    if and_in_trouble:
        wanted |= Q(off_at__isnull=False) | Q(failing_since__isnull=False)
    return CallbackEndpoint.objects.filter(wanted, account=account).order_by("pk")[:200]
