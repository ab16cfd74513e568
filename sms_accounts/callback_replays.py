"""Sends again what failed: one callback, or all that changed since a moment, in order.

What was given up begins anew; what waits for its next attempt is called now and goes on in its
schedule after that.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Q, QuerySet
from django.utils import timezone

from sms_accounts import activity
from sms_accounts.models import Account, ApiUser, Callback, CallbackReplay, User

log = structlog.get_logger(__name__)

# How many callbacks of one order are sent again a minute, and in one step at most.
A_MINUTE = 600
A_STEP = 100


class AlreadyRunning(Exception):
    """The account has an order like that under way: it is to end, or be stopped, first."""


def send_again(callback: Callback, *, by: User | None) -> bool:
    """Call a callback now that is over or waits for its next attempt; return whether it was so.

    It has the id that it had, so that a receiver can tell it from a new event.
    """
    now = timezone.now()
    with transaction.atomic():
        this = Callback.objects.filter(pk=callback.pk)
        changed = this.retrying(now).update(due_at=now) or (
            this.exclude(done_at=None, given_up_at=None).update(**_from_the_start(now), replay=None)
        )
        if changed:
            told = (
                {"message": callback.message_id}
                if callback.message_id
                else {"reply": callback.received_id}
            )
            activity.record(
                by,
                "callback sent again",
                callback.api_user or callback.account,
                after={**told, "change": callback.sequence},
            )
    return bool(changed)


def release(callback_ids: Iterable[int], *, by: User) -> int:
    """Let callbacks that were given up be called again, from the first try; return how many."""
    given_up = Callback.objects.failed().filter(pk__in=list(callback_ids))
    released = given_up.update(**_from_the_start(timezone.now()))
    log.info("callbacks_released", callbacks=released, by=by.pk)
    return released


def start(
    account: Account, *, api_user: ApiUser | None, since: datetime, by: User | None
) -> CallbackReplay:
    """Order that all be sent again that changed since a moment and failed.

    The oldest comes first, and what was given up waits for the one before. Raises AlreadyRunning.
    """
    now = timezone.now()
    try:
        with transaction.atomic():
            replay = CallbackReplay.objects.create(
                account=account,
                api_user=api_user,
                since=since,
                by=by,
                started_at=now,
                stepped_at=now - timedelta(seconds=1),
            )
            told = {"since": since.isoformat(timespec="seconds")}
            activity.record(by, "failed callbacks sent again", api_user or account, after=told)
    except IntegrityError:
        raise AlreadyRunning from None
    return replay


def stop(replay: CallbackReplay, *, by: User | None) -> bool:
    """Stop an order; what it has let go and was not called yet is given up again."""
    now = timezone.now()
    with transaction.atomic():
        stopped = CallbackReplay.objects.filter(pk=replay.pk, ended_at=None).update(
            ended_at=now, is_stopped=True
        )
        if not stopped:
            return False
        waiting = Callback.objects.open().filter(replay=replay, tries=0, claimed_until=None)
        waiting.update(given_up_at=now)
        activity.record(by, "sending again stopped", replay.api_user or replay.account)
    return True


def has_failed(account: Account) -> bool:
    """Tell whether an order would send anything again."""
    given_up, retrying = _failed(account.pk, None, None, timezone.now())
    found = Q(Exists(given_up)) | Q(Exists(retrying))
    return Account.objects.filter(found, pk=account.pk).exists()


def _failed(
    account: int, api_user: int | None, since: datetime | None, now: datetime
) -> tuple[QuerySet[Callback], QuerySet[Callback]]:
    """Return what was given up and what waits for its next attempt, each by its own index."""
    wanted = Q(account=account)
    if api_user is not None:
        wanted &= Q(api_user=api_user)
    if since is not None:
        wanted &= Q(changed_at__gte=since)
    return Callback.objects.failed().filter(wanted), Callback.objects.retrying(now).filter(wanted)


def step_all() -> None:
    """Let each order that is under way go as far as its pace allows."""
    for pk in CallbackReplay.objects.filter(ended_at=None).values_list("pk", flat=True):
        _step(pk)


def _step(pk: int) -> None:
    now = timezone.now()
    with transaction.atomic():
        replay = (
            CallbackReplay.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(pk=pk, ended_at=None)
            .first()
        )
        if replay is None:
            return
        allowed = min(A_STEP, int((now - replay.stepped_at) / timedelta(minutes=1) * A_MINUTE))
        if allowed < 1:
            return
        # What fails again meanwhile is before the position, and is not sent a third time.
        kinds = _failed(replay.account_id, replay.api_user_id, replay.since, now)
        later = [
            failed.filter(pk__gt=replay.position).order_by("pk").values_list("pk", flat=True)
            for failed in kinds
        ]
        pks = sorted(pk for found in later for pk in found[:allowed])[:allowed]
        given_up, retrying = (failed.filter(pk__in=pks) for failed in kinds)
        released = retrying.update(due_at=now)
        released += given_up.update(**_from_the_start(now), replay=replay)
        CallbackReplay.objects.filter(pk=pk).update(
            stepped_at=now,
            released=F("released") + released,
            position=pks[-1] if pks else replay.position,
            ended_at=None if len(pks) == allowed else now,
        )


def _from_the_start(now: datetime) -> dict[str, object]:
    return {
        "done_at": None,
        "given_up_at": None,
        "claimed_until": None,
        "tries": 0,
        "due_at": now,
    }
