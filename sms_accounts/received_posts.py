"""Keeps what carriers send of messages from phones, before anybody tries to understand it."""

from collections.abc import Iterable

import structlog
from django.db import transaction
from django.utils import timezone

from sms_accounts.models import Received, ReceivedPost, User

log = structlog.get_logger(__name__)


def store(carrier_name: str, bodies: Iterable[bytes], content_type: str) -> None:
    """Keep what a carrier sent, in its order; all of it or nothing."""
    now = timezone.now()
    ReceivedPost.objects.bulk_create(
        ReceivedPost(
            carrier=carrier_name, body=body, content_type=content_type[:100], received_at=now
        )
        for body in bodies
    )


def release(post_ids: Iterable[int], *, by: User) -> int:
    """Let what could not be read, or not be settled, be tried again; return how many posts."""
    posts = ReceivedPost.objects.filter(pk__in=list(post_ids))
    with transaction.atomic():
        unread = posts.exclude(problem="")
        parked = Received.objects.filter(posts__in=posts, settled_at=None).exclude(problem="")
        released = set(unread.values_list("pk", flat=True))
        released |= set(posts.filter(received__in=parked).values_list("pk", flat=True))
        Received.objects.filter(pk__in=list(parked.values_list("pk", flat=True))).update(problem="")
        unread.update(read_at=None, problem="")
    log.info("replies_released", posts=len(released), by=by.pk)
    return len(released)
