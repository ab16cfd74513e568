"""Binds to one SMPP carrier until it is told to stop."""

import gc
import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sms_accounts.models import SmppCarrier
from sms_accounts.smpp_process import Process
from sms_accounts.tasks import (
    Bell,
    alert_due,
    call_due,
    callback_bell,
    read_received,
    record_dlrs,
    ring,
)


class Command(BaseCommand):
    help = (
        "Bind to the SMPP carrier of this name, as staff have set it up: hand over what is due, "
        "keep its receipts and replies, follow changes of its settings. SIGTERM stops it after the "
        "answers under way, with an unbind. Run one process for each carrier."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the carrier's name in the administration")

    def handle(self, *args: Any, name: str, **_: Any) -> None:
        if not SmppCarrier.objects.filter(name=name).exists():
            raise CommandError(f"There is no SMPP carrier '{name}'. Add it in the administration.")
        process = Process(
            name,
            on_stored=Bell(record_dlrs).ring,
            on_reply=Bell(read_received).ring,
            on_delivered=lambda: ring(alert_due, call_due),
            on_recorded=callback_bell.ring,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: process.stop())
        # What was loaded is never garbage, and takes the collector long to go over.
        gc.freeze()
        process.run()
