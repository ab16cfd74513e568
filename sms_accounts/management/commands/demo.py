"""Makes an account with many users and messages, to see the panel as it is after a busy month."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sms_accounts import big_demo
from sms_accounts.management.commands._answers import answer


class Command(BaseCommand):
    help = (
        "Fill a demo installation with one more account that has many API users and a month of "
        "messages, paid and ended, so that pages can be looked at as they are then. Goes on "
        "where it was interrupted. Refuses a database that holds something else than the demo."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--users", type=int, default=1_000, help="API users (default: 1000)")
        parser.add_argument(
            "--messages", type=int, default=100_000, help="messages (default: 100000)"
        )
        parser.add_argument("--seed", type=int, default=1, help="another one gives other messages")

    def handle(self, *args: Any, users: int, messages: int, seed: int, **_: Any) -> str:
        if users < 1 or messages < 0:
            raise CommandError("Give --users of 1 or more, and --messages of 0 or more.")
        progress = _Progress(messages)
        try:
            for made in big_demo.fill(users=users, messages=messages, seed=seed):
                self._show(progress.line(made))
        except big_demo.NoDemo:
            raise CommandError(
                "This database holds something else than the demo data, and is left alone. Give "
                "an empty one: another --data of serve, or another DATABASE_URL."
            ) from None
        self._show("")
        return answer(account=big_demo.ACCOUNT, users=users, messages=messages)

    def _show(self, line: str) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{line:78}", ending="")
            self.stderr.flush()


class _Progress:
    """Says how far it is, and for how long it will go on at the pace so far."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._first: tuple[float, int] | None = None

    def line(self, made: big_demo.Made) -> str:
        now = time.monotonic()
        self._first = self._first or (now, made.messages)
        began, there = self._first
        share = made.messages / self._wanted if self._wanted else 1
        bar = "█" * int(20 * share)
        line = f"{bar:·<20} {made.users:,} users, {made.messages:,} messages"
        if made.messages == there:
            return line
        left = (now - began) * (self._wanted - made.messages) / (made.messages - there)
        return f"{line}, {left:.0f} s left"
