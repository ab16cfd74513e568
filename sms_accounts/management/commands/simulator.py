"""Runs the simulated carrier until it is told to stop."""

import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sms_accounts.carriers.simulated_smsc import SimulatedSmsc
from sms_accounts.carriers.simulated_state import StateInUse

_SLOWEST = 1000


class Command(BaseCommand):
    help = (
        "Run the simulated carrier: it takes SMS over HTTP and reports as the test numbers in "
        "docs/test-numbers.md say. The secret is PANEL_SIMULATOR_SECRET."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--host",
            default="127.0.0.1",
            help="address to listen at; 127.0.0.1 unless another is given",
        )
        parser.add_argument(
            "--port", type=_port, default=8001, help="port to listen at; 0 takes a free one"
        )
        parser.add_argument(
            "--state", type=Path, required=True, help="file in which pending DLRs are kept"
        )
        parser.add_argument(
            "--dlr-url", type=_url, required=True, help="address of the panel to which DLRs go"
        )
        parser.add_argument(
            "--reply-url",
            type=_url,
            help="address of the panel to which phones' replies go; without it none answers",
        )
        parser.add_argument(
            "--pace",
            type=_pace,
            default=1.0,
            help="stretches every wait: 0 reports at once, 0.1 ten times as fast",
        )

    def handle(
        self,
        *args: Any,
        host: str,
        port: int,
        state: Path,
        dlr_url: str,
        reply_url: str | None,
        pace: float,
        **_: Any,
    ) -> None:
        if not settings.SIMULATOR_SECRET:
            raise CommandError("Set PANEL_SIMULATOR_SECRET to the secret that the panel uses too.")
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        try:
            smsc = SimulatedSmsc(
                host=host,
                port=port,
                state=state,
                dlr_url=dlr_url,
                reply_url=reply_url or "",
                secret=settings.SIMULATOR_SECRET,
                pace=pace,
            )
        except StateInUse as refused:
            raise CommandError(
                f"--state: another simulated carrier uses {state}, or it is no state file."
            ) from refused
        except OSError as refused:
            raise CommandError(
                f"Cannot start at {host}:{port} with {state}: {refused}"
            ) from refused
        with smsc:
            self.stdout.write(f"The simulated carrier listens at {smsc.url}")
            self.stdout.flush()
            stop.wait()


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ArgumentTypeError("must be a number from 0 to 65535")
    return int(text)


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one:
        raise ArgumentTypeError("must look like 'http://127.0.0.1:8000/dlr/simulator/'")
    return text


def _pace(text: str) -> float:
    try:
        pace = float(text)
    except ValueError:
        pace = -1.0
    if not 0 <= pace <= _SLOWEST:
        raise ArgumentTypeError(f"must be a number from 0 to {_SLOWEST}")
    return pace
