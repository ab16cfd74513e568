"""Reads what carriers sent of messages from phones: each once however often it comes, long ones
joined from their parts, in whatever order these come.
"""

import hashlib
from datetime import datetime, timedelta
from itertools import groupby

import structlog
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from sms_accounts import carrier_accounts, carriers, replies, reply_matching, reply_texts
from sms_accounts.models import Received, ReceivedPart, ReceivedPost

log = structlog.get_logger(__name__)

# A carrier that gives no ids says the same again within that time where our word that we had it was
# lost; a person hardly does.
REPEATED_WITHIN = timedelta(minutes=10)
# How long after its first part another one may come: their references begin anew after 256 texts.
JOINED_WITHIN = timedelta(days=1)
# How long a text waits for its parts until it is shown without those that are missing.
INCOMPLETE_AFTER = timedelta(minutes=10)

# Where parts are missing.
_GAP = "[…]"


def read_received() -> int:
    """Read all stored posts in their order, and settle what has waited long enough for its rest.

    Return how many posts and texts that was.
    """
    done = 0
    while _read_next():
        done += 1
    while _settle_next_incomplete():
        done += 1
    return done


def _read_next() -> bool:
    """Read one post, with everything that follows of it; return whether there was one."""
    unread = ReceivedPost.objects.filter(read_at=None).order_by("id")
    # Mostly there is none: then nobody needs to wait for whoever writes to SQLite.
    if not unread.exists():
        return False
    with transaction.atomic():
        # Nobody passes by one that another worker reads: of STOP and START the last one counts.
        post = unread.select_for_update().first()
        if post is None:
            return False
        post.problem = _taken(post)
        post.read_at = timezone.now()
        post.save(update_fields=["problem", "read_at"])
    return True


def _taken(post: ReceivedPost) -> str:
    """Take what a post has; return what kept it from being taken, and then nothing of it was."""
    try:
        try:
            _take_all(post)
        except IntegrityError:
            # Another worker has stored the same at this moment: it is there to be found now.
            _take_all(post)
    except carriers.MalformedReply as malformed:
        log.warning("reply_not_understood", post=post.pk, carrier=post.carrier)
        return str(malformed)[:200]
    except OperationalError:
        # The database is at fault and not the post, which stays to be read again.
        raise
    except Exception as unforeseen:
        # Logged and kept; the others go on.
        log.exception("reply_not_read", post=post.pk, carrier=post.carrier)
        return f"Could not be read: {type(unforeseen).__name__}"
    return ""


@transaction.atomic
def _take_all(post: ReceivedPost) -> None:
    for reply in _understood(post):
        _take(reply, post)


def _understood(post: ReceivedPost) -> list[carriers.Reply]:
    carrier = carrier_accounts.get(post.carrier)
    body, headers = bytes(post.body), {"Content-Type": post.content_type}
    if isinstance(carrier, carriers.HasReplies):
        return carrier.parse_replies(body, headers)
    return carriers.parse_plain(body, headers)


def _take(reply: carriers.Reply, post: ReceivedPost) -> None:
    key = key_of(reply)
    known = _known(post.carrier, key, reply, at=post.received_at)
    received = known or Received.objects.create(
        carrier=post.carrier,
        carrier_id=reply.carrier_id,
        key=key,
        msisdn=reply_matching.normal(reply.sender),
        number=reply_matching.normal(reply.receiver),
        parts=reply.part.total if reply.part else 1,
        missing=reply.part.total if reply.part else 1,
        received_at=post.received_at,
    )
    received.posts.add(post)
    number = reply.part.number if reply.part else 1
    if received.came_parts.filter(number=number).exists():
        Received.objects.filter(pk=received.pk).update(repeats=F("repeats") + 1)
        return
    ReceivedPart.objects.create(
        received=received, number=number, coding=reply.coding, octets=reply.octets
    )
    _join(received)
    if received.settled_at is not None:
        # It was shown without this part, and is told once more.
        replies.forward(received)
    elif not received.missing:
        replies.settle(received)


def key_of(reply: carriers.Reply) -> str:
    """Return what a repetition has too, and of a longer text every part."""
    if reply.part is not None:
        whole = (reply.sender, reply.receiver, reply.part.reference, reply.part.total)
        return f"parts:{_digest(*whole)}"
    if reply.carrier_id:
        return f"id:{reply.carrier_id}"
    return f"text:{_digest(reply.sender, reply.receiver, reply.coding, reply.octets.hex())}"


def _digest(*values: object) -> str:
    return hashlib.sha256("\0".join(map(str, values)).encode()).hexdigest()


def _known(carrier: str, key: str, reply: carriers.Reply, *, at: datetime) -> Received | None:
    """Return the stored message that this is a repetition or a part of, locked.

    One that is too old for that, or has another text in the place of this one, loses its key.
    """
    rows = Received.objects.select_for_update(of=("self",), no_key=True)
    known = rows.filter(carrier=carrier, key=key).select_related("api_user").first()
    if known is None:
        return None
    if not _is_too_old(known, reply, at) and not _differs(known, reply):
        return known
    known.key = ""
    known.save(update_fields=["key"])
    return None


def _is_too_old(known: Received, reply: carriers.Reply, at: datetime) -> bool:
    if reply.part is not None:
        return at - known.received_at > JOINED_WITHIN
    return not reply.carrier_id and at - known.received_at > REPEATED_WITHIN


def _differs(known: Received, reply: carriers.Reply) -> bool:
    """Tell whether another text has come under the same reference, or the same id, before."""
    part = known.came_parts.filter(number=reply.part.number if reply.part else 1).first()
    return part is not None and bytes(part.octets) != reply.octets


def _join(received: Received) -> None:
    """Write the text anew from the parts that are there."""
    parts = {part.number: part for part in received.came_parts.all()}
    numbers = range(1, received.parts + 1)
    received.text = "".join(
        reply_texts.text_of((parts[each].coding, bytes(parts[each].octets)) for each in together)
        if are_there
        else _GAP
        for are_there, together in groupby(numbers, key=parts.__contains__)
    )
    received.missing = received.parts - len(parts)
    received.save(update_fields=["text", "missing"])


def _settle_next_incomplete() -> bool:
    """Settle one text whose rest is not expected any more; return whether there was one."""
    overdue = Received.objects.filter(
        settled_at=None, problem="", received_at__lte=timezone.now() - INCOMPLETE_AFTER
    ).order_by("received_at", "id")
    if not overdue.exists():
        return False
    with transaction.atomic():
        rows = overdue.select_for_update(skip_locked=True, of=("self",), no_key=True)
        received = rows.first()
        if received is None:
            return False
        _settle_or_park(received)
    return True


def _settle_or_park(received: Received) -> None:
    try:
        with transaction.atomic():
            replies.settle(received)
    except OperationalError:
        raise
    except Exception as unforeseen:
        # Logged and parked; the others go on.
        log.exception("reply_not_settled", reply=received.pk)
        problem = f"Could not be settled: {type(unforeseen).__name__}"
        Received.objects.filter(pk=received.pk).update(problem=problem)
