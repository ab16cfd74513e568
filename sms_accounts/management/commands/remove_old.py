"""Removes texts, numbers and other things whose period is over, now and to the end."""

from typing import Any

from django.core.management.base import BaseCommand

from sms_accounts import retention
from sms_accounts.management.commands._answers import answer


class Command(BaseCommand):
    help = (
        "Remove texts and numbers of messages that accounts keep no longer, with old bodies of "
        "DLRs, answers to callbacks and addresses of API users. A worker does the same bit by "
        "bit; this goes on until all is done. Can be stopped and run again without harm. Prints "
        "how many rows were cleared as one JSON line."
    )

    def handle(self, *args: Any, **_: Any) -> str:
        return answer(rows_cleared=retention.remove_old(within=None))
