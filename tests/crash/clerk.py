"""Opens the account that is sent from, lets time pass, and reads out what was stored.

Run as a module inside an installation; `tests.flows.teller.Teller` is the test's end.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.flows.teller import answer

ACCOUNT = "sms-cr12345-1"
QUOTA = 100_000
# So long after it was claimed, no living process still works at a row.
OLDEST_CLAIM = timedelta(seconds=25)
# Why messages are queued over which nobody stumbled.
ORDINARY = ("Its time has come", "Its other parts are still here")


def _functions() -> dict[str, Callable[..., Any]]:
    from django.db.models import Q
    from django.utils import timezone

    from sms_accounts import alerts, callbacks, delivery
    from sms_accounts.models import (
        FINAL,
        Alert,
        ApiUser,
        Attempt,
        Callback,
        DlrPost,
        LedgerEntry,
        Message,
        MessageEvent,
        Notification,
        State,
        Submission,
    )
    from tests.factories import make_account, make_api_user

    def open_account(logins: Sequence[str], callback: str, spent_at_alert: int) -> None:
        account = make_account(name=ACCOUNT, credits=QUOTA * (len(logins) + 1))
        for login in logins:
            make_api_user(
                account=account,
                login=login,
                quota=QUOTA,
                threshold=QUOTA - spent_at_alert,
                support=ApiUser.Support.BOTH,
                email=f"{login}@example.com",
                callback=callback,
            )

    def let_scheduled_come() -> None:
        Message.objects.filter(state=State.SCHEDULED).update(due_at=timezone.now())

    def end_old_claims() -> None:
        now = timezone.now()
        claims: dict[Any, timedelta] = {
            Message: delivery.CLAIM,
            Callback: callbacks.CLAIM,
            Notification: alerts.CLAIM,
        }
        for model, claim in claims.items():
            old = model.objects.filter(claimed_until__lt=now + claim - OLDEST_CLAIM)
            old.update(claimed_until=now - timedelta(seconds=1))

    def in_flight() -> dict[str, float]:
        """The parts being handed over that are not answered: their references, begun when."""
        open_parts = Attempt.objects.unanswered().filter(
            state="", message__claimed_until__isnull=False
        )
        return {each.reference: each.started_at.timestamp() for each in open_parts}

    def left_to_do() -> dict[str, int]:
        """What is left to do, besides what is held."""
        return {
            "messages": Message.objects.filter(
                Q(state__in=[State.SCHEDULED, State.QUEUED, State.ENROUTE])
                | Q(claimed_until__isnull=False)
            ).count(),
            "dlrs": DlrPost.objects.filter(read_at=None).count(),
            "callbacks": Callback.objects.filter(done_at=None, given_up_at=None).count(),
            "alerts": Notification.objects.filter(state=Notification.State.WAITING).count(),
        }

    def submissions() -> list[dict[str, Any]]:
        debits: dict[int, list[Decimal]] = {}
        for submission_id, credits in LedgerEntry.objects.filter(
            kind=LedgerEntry.Kind.DEBIT
        ).values_list("submission_id", "credits"):
            debits.setdefault(submission_id or 0, []).append(-credits)
        return [
            {**each, "paid": debits.get(each["id"], [])}
            for each in Submission.objects.values("id", "channel", "tag", "credits", "parts")
        ]

    def messages() -> list[dict[str, Any]]:
        refunds = list(
            LedgerEntry.objects.filter(kind=LedgerEntry.Kind.REFUND).values_list("message_id")
        )
        refunded = {message_id: refunds.count((message_id,)) for (message_id,) in refunds}
        rows: dict[int, dict[str, Any]] = {
            each["id"]: {
                **each,
                "refunds": refunded.get(each["id"], 0),
                "attempts": [],
                "changes": [],
                "queued_again": 0,
                "callbacks": [],
            }
            for each in Message.objects.order_by("id").values(
                "id", "submission_id", "msisdn", "state", "claimed_until"
            )
        }
        for attempt in Attempt.objects.order_by("id").values(
            "message_id", "part", "reference", "outcome", "state", "started_at"
        ):
            began = attempt["started_at"].timestamp()
            rows[attempt["message_id"]]["attempts"].append({**attempt, "started_at": began})
        for message_id, cause in MessageEvent.objects.filter(state=State.QUEUED).values_list(
            "message_id", "cause"
        ):
            rows[message_id]["queued_again"] += cause not in ORDINARY
        for message_id, state, ptt in (
            MessageEvent.objects.filter(state__in=[State.ENROUTE, *FINAL])
            .order_by("id")
            .values_list("message_id", "state", "ptt")
        ):
            rows[message_id]["changes"].append([state, ptt])
        for message_id, state, ptt, done_at in Callback.objects.order_by("sequence").values_list(
            "message_id", "state", "ptt", "done_at"
        ):
            rows[message_id]["callbacks"].append([state, ptt, done_at is not None])
        return list(rows.values())

    def crossings() -> list[dict[str, Any]]:
        """How often each user's purse fell to its threshold, and what came of it."""
        found = []
        for user in ApiUser.objects.filter(account__name=ACCOUNT).order_by("login"):
            threshold = user.alert_threshold or Decimal(0)
            entries = LedgerEntry.objects.filter(wallet_id=user.wallet_id).order_by("id")
            fell = [
                entry
                for entry in entries
                if entry.balance <= threshold < entry.balance - entry.credits
            ]
            notifications = Notification.objects.filter(alert__api_user=user)
            found.append(
                {
                    "login": user.login,
                    "crossed": len(fell),
                    "alerts": Alert.objects.filter(api_user=user).count(),
                    "told": sorted(notifications.values_list("channel", "state")),
                    "sms": list(
                        notifications.filter(channel=Notification.Channel.SMS).values_list(
                            "submission_id", flat=True
                        )
                    ),
                }
            )
        return found

    return {name: value for name, value in locals().items() if callable(value)}


if __name__ == "__main__":
    answer(_functions)
