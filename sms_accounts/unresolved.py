"""Messages whose hand-over went wrong: held, handed over again, given back, or parked.

Whether the carrier has a message that it never answered is not known. Such a message is never
sent again nor paid back by guesswork: its account's policy decides, after a time in which a late
answer or a report may tell.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta

import structlog
from django.db import OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from sms_accounts import activity, carrier_accounts, carriers, settling
from sms_accounts.models import Account, Attempt, Message, State, User

log = structlog.get_logger(__name__)

# How long a late answer or a report is waited for before the account's policy is applied.
WAIT = timedelta(minutes=5)

# When a part without an answer is handed over again where that is safe, try by try; then the
# account's policy decides after all.
REPEATS = tuple(
    timedelta(seconds=seconds) for seconds in (2, 5, 15, 30, 30, 30, 60, 300, 900, 3600)
)

# When a message is tried again over which the program stumbled before anything was sent, and how
# often a message may go wrong in any way until it is parked for staff to look at.
WAITS = (timedelta(minutes=1), timedelta(minutes=5))
MOST_FAULTS = len(WAITS) + 1

_AT_ONCE = 500

Policy = Account.UnknownOutcome

_NEXT = {Policy.RESEND: "handed over again", Policy.GIVE_BACK: "its credits go back"}


def leave_open(message: Message, why: str, *, is_fault: bool = False) -> None:
    """Leave a locked message that was being submitted to the policy of its account.

    Where its carrier knows a part again, no policy is needed: it is due again after a while.
    `is_fault` says that the program stumbled, so that staff should look at it.
    """
    now = timezone.now()
    faults = message.faults + 1
    is_tried_enough = message.tries >= len(REPEATS) or (is_fault and faults >= MOST_FAULTS)
    if not is_tried_enough and _repeats_are_safe(message):
        if is_fault:
            Message.objects.filter(pk=message.pk).update(faults=faults)
        _queue_again(message, f"{why}; handed over again", wait=REPEATS[message.tries])
        return
    policy = Policy(message.account.unknown_outcome)
    decide_at = parked_at = None
    if policy == Policy.HOLD:
        parked_at = now if is_fault else None
        what = "its report will tell"
    elif faults >= MOST_FAULTS:
        parked_at = now
        what = f"parked after {faults} times, its report will tell"
    else:
        decide_at = now + WAIT
        what = f"{_NEXT[policy]} at {decide_at:%H:%M:%S} UTC unless its report comes before"
    Message.objects.filter(pk=message.pk).update(
        claimed_until=None,
        faults=faults,
        decide_at=decide_at,
        parked_at=parked_at,
        parked_because=why[:200] if parked_at else "",
    )
    settling.note(message, f"{why}; {what}", now)


def _repeats_are_safe(message: Message) -> bool:
    try:
        return carrier_accounts.get(message.carrier).repeats_are_safe
    except carriers.UnknownCarrier:
        return False


def put_off(message: Message, why: str) -> None:
    """Queue a locked message again of which nothing was sent, or park it after a few times."""
    now = timezone.now()
    faults = message.faults + 1
    is_parked = faults >= MOST_FAULTS
    what = f"parked after {faults} times" if is_parked else "tried again"
    if message.advance(State.QUEUED, since=now, cause=f"{why}; {what}"):
        Message.objects.filter(pk=message.pk).update(
            claimed_until=None,
            faults=faults,
            tries=F("tries") + 1,
            due_at=now if is_parked else now + WAITS[faults - 1],
            parked_at=now if is_parked else None,
            parked_because=why[:200] if is_parked else "",
        )


def stumbled(message_id: int, why: str) -> None:
    """Note that the program failed over a message; never fails itself."""
    try:
        with transaction.atomic():
            message = settling.locked(message_id)
            if message.state == State.SUBMITTING:
                leave_open(message, why, is_fault=True)
    except Exception:
        # Logged; it is found when its claim ends, or by the sweep.
        log.exception("fault_not_noted", message=message_id)


def note_abandoned() -> int:
    """Note messages whose worker vanished after their attempt was stored; return how many."""
    abandoned = Message.objects.abandoned(timezone.now()).values_list("pk", flat=True)
    return _each(abandoned[:_AT_ONCE], _note_abandoned)


def _note_abandoned(message: Message) -> bool:
    now = timezone.now()
    is_abandoned = message.claimed_until is not None and message.claimed_until < now
    if message.state != State.SUBMITTING or not is_abandoned:
        return False
    if settling.without_answer(message):
        leave_open(message, "The program stopped while the carrier was spoken to")
        return True
    # Reports came for all parts that were handed over meanwhile, or there was none left.
    Message.objects.filter(pk=message.pk).update(claimed_until=None)
    message.claimed_until = None
    settling.settle(message, at=now)
    return True


def decide_due() -> int:
    """Apply the accounts' policies to messages that nothing was heard of; return how many."""
    waited = Message.objects.to_decide(timezone.now()).values_list("pk", flat=True)
    return _each(waited[:_AT_ONCE], _decide)


def _decide(message: Message) -> bool:
    now = timezone.now()
    if message.state != State.SUBMITTING or not message.decide_at or message.decide_at > now:
        return False
    Message.objects.filter(pk=message.pk).update(decide_at=None)
    policy = Policy(message.account.unknown_outcome)
    if policy == Policy.HOLD:
        settling.note(message, "The account's policy is to hold now; its report will tell", now)
    elif policy == Policy.GIVE_BACK and settling.is_on_air(message):
        settling.note(message, "No credits back: the carrier has another part of it", now)
    elif policy == Policy.GIVE_BACK:
        settling.give_back(message, at=now, reason="No answer: given back by the account's policy")
    elif settling.has_failed(message):
        settling.note(message, "Not handed over again: another part of it has failed", now)
    else:
        _queue_again(message, "No answer: handed over again by the account's policy")
    return True


def _queue_again(message: Message, cause: str, *, wait: timedelta = timedelta(0)) -> None:
    now = timezone.now()
    without_answer = [attempt.pk for attempt in settling.without_answer(message)]
    Attempt.objects.filter(pk__in=without_answer).update(outcome=Attempt.Outcome.NO_ANSWER)
    if message.advance(State.QUEUED, since=now, cause=cause):
        Message.objects.filter(pk=message.pk).update(
            tries=F("tries") + 1, due_at=now + wait, claimed_until=None
        )


def release(message_ids: Iterable[int], *, by: User) -> int:
    """Hand messages over again that are parked or held, whatever the policy; return how many.

    Those that are neither, or that moved on meanwhile, stay as they are.
    """
    released = 0
    for message_id in message_ids:
        with transaction.atomic():
            released += _release(settling.locked(message_id), by)
    return released


def _release(message: Message, by: User) -> bool:
    is_held = message.state == State.SUBMITTING and message.claimed_until is None
    is_parked = message.state == State.QUEUED and message.parked_at is not None
    if not is_held and not is_parked:
        return False
    now = timezone.now()
    cause = f"Handed over again by {by}"
    Message.objects.filter(pk=message.pk).update(
        faults=0, decide_at=None, parked_at=None, parked_because="", due_at=now
    )
    if is_held:
        _queue_again(message, cause)
    else:
        settling.note(message, cause, now)
    activity.record(
        by,
        "message released",
        message.account,
        before={"state": str(message.state), "because": message.parked_because},
        after={"message": message.pk},
    )
    return True


def _each(message_ids: Iterable[int], do: Callable[[Message], bool]) -> int:
    """Do something with each message, locked, in a transaction of its own; return how often.

    One over which the program fails is logged and counted, and the others go on.
    """
    done = 0
    for message_id in list(message_ids):
        try:
            with transaction.atomic():
                done += do(settling.locked(message_id))
        except OperationalError:
            # The database is at fault and not the message, which is found again.
            raise
        except Exception as fault:
            log.exception("message_not_resolved", message=message_id)
            stumbled(message_id, f"The program failed over it ({type(fault).__name__})")
    return done
