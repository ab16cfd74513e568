"""Fills an installation with messages that are due, and reads off how far it has come.

Run as a module inside an installation; `tests.flows.teller.Teller` is the test's end. What is read
off while it works costs the database next to nothing: the last keys, by their indexes.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.flows.teller import answer

# How many messages a submission has that fills the queue.
RECEIVERS = 100
AT_ONCE = 10_000


def _functions() -> dict[str, Callable[..., Any]]:
    from django.db import connection, models
    from django.utils import timezone

    from sms_accounts import books, bulk
    from sms_accounts.models import (
        Attempt,
        Callback,
        CallbackAttempt,
        DlrReport,
        Message,
        State,
        Submission,
    )
    from tests.factories import make_account, make_api_user

    messages = bulk.Table(
        Message, "account_id", "submission_id", "msisdn", "credits", "state", "due_at",
        "state_since",
    )  # fmt: skip

    def open_account(account: str, login: str, callback: str) -> None:
        make_api_user(
            account=make_account(name=account, credits=100_000_000),
            login=login,
            quota=50_000_000,
            callback=callback,
        )

    def fill(count: int, seconds: float) -> None:
        """Store messages that are all due at one moment, in so many seconds."""
        account = make_account(credits=1)
        now = timezone.now()
        due_at = now + timedelta(seconds=seconds)
        submissions = Submission.objects.bulk_create(
            Submission(
                account=account, wallet=account.wallet, channel="http2sms", sender="Example",
                text="Your code is 123456.", coding="gsm7", parts=1, credits=0, created_at=now,
            )
            for _ in range(0, count, RECEIVERS)
        )  # fmt: skip
        for first in range(0, count, AT_ONCE):
            messages.insert(
                (
                    account.pk, submissions[number // RECEIVERS].pk, f"3362{number:07d}", 0,
                    State.QUEUED.value, due_at, now,
                )
                for number in range(first, min(first + AT_ONCE, count))
            )  # fmt: skip
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        late = (timezone.now() - due_at).total_seconds()
        assert late < 0, f"filling took {late:.0f} s longer than {seconds} s"

    def last(model: type[models.Model]) -> int:
        return model._default_manager.aggregate(last=models.Max("pk"))["last"] or 0

    def progress() -> dict[str, int]:
        """How many parts were handed over, reported on, and how many calls were made."""
        return {
            "handed over": last(Attempt),
            "reported": last(DlrReport),
            "called": last(CallbackAttempt),
        }

    def accepted() -> int:
        """How many messages there are: keys are reserved ahead, and some are never used."""
        return Message.objects.count()

    def left() -> dict[str, int]:
        """What is not at its end."""
        unfinished = [State.QUEUED, State.SUBMITTING, State.ENROUTE]
        return {
            "messages": Message.objects.filter(state__in=unfinished).count(),
            "callbacks": Callback.objects.open().count(),
        }

    def states() -> dict[str, int]:
        counted = Message.objects.values_list("state").annotate(count=models.Count("pk"))
        return dict(counted)

    def wrong_books() -> str:
        return f"{books.wrong_books()} {books.one_sided()}"

    return {name: value for name, value in locals().items() if callable(value)}


if __name__ == "__main__":
    answer(_functions)
