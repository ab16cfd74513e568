"""Tells a monitor how the installation is: one line of JSON, and an exit code."""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from sms_accounts import self_check
from sms_accounts.management.commands._answers import answer


class Command(BaseCommand):
    help = (
        "Look at books, outboxes, workers, beat, clocks, database, broker and mail. Prints one "
        "JSON line and ends with 0 where all is well, 1 where somebody should look soon, 2 where "
        "something does not work. Never with a traceback: what is away is told as such."
    )

    def handle(self, *args: Any, **_: Any) -> None:
        checks = self_check.run()
        level = self_check.worst(checks)
        self.stdout.write(
            answer(
                level=level.word,
                at=timezone.now().isoformat(timespec="seconds"),
                checks=[
                    {
                        "name": check.name,
                        "level": check.level.word,
                        "figure": check.figure,
                        "advice": check.advice,
                    }
                    for check in checks
                ],
            )
        )
        self.stdout.flush()
        sys.exit(int(level))
