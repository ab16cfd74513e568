"""Runs the whole program on this machine, until somebody stops it."""

import io
import os
import shlex
import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, connections

from panel import children, claims
from panel.children import Place
from panel.supervisor import Supervisor
from sms_accounts import demo, http2sms
from sms_accounts.demo import Demo
from sms_accounts.models import SmppCarrier

# How soon a carrier that staff switch on has its process.
BETWEEN_LOOKS = timedelta(seconds=5)


class Command(BaseCommand):
    help = (
        "Run the panel with all it needs: database, broker, workers, a simulated carrier, the "
        "binds to SMPP carriers and the web server. Ctrl-C stops it; data and queued work are "
        "there at the next start."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--data", type=_folder, help="folder for all that is kept; PANEL_DATA_DIR, else data/"
        )
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen at; 127.0.0.1 unless given"
        )
        parser.add_argument(
            "--port", type=_port, default=8000, help="port to listen at; 0 takes a free one"
        )
        parser.add_argument(
            "--no-demo", action="store_true", help="make no demo data in an empty database"
        )

    def handle(
        self, *args: Any, data: Path | None, host: str, port: int, no_demo: bool, **_: Any
    ) -> None:
        # Bootstrap has read it before the settings; it knows the full name of the option only.
        if data is not None and data.resolve() != settings.DATA_DIR:
            raise CommandError("Write --data in full, right after serve.")
        try:
            with claims.data_folder(settings.DATA_DIR):
                _serve(_place(host=host, port=port), with_demo=not no_demo)
        except claims.Refused as refused:
            raise CommandError(str(refused)) from None
        except DatabaseError as refused:
            raise CommandError(f"The database does not do its work: {refused}") from refused


def _place(*, host: str, port: int) -> Place:
    data: Path = settings.DATA_DIR
    host, port = claims.address(host, port)
    carrier_port = claims.kept_port(data / "carrier.port")
    return Place(
        host=host,
        port=port,
        data=data,
        broker_socket=settings.BROKER_SOCKET,
        carrier_url=_set("PANEL_SIMULATOR_URL") or f"http://{claims.LOOPBACK}:{carrier_port}",
        carrier_secret=_set("PANEL_SIMULATOR_SECRET")
        or claims.kept_secret(data / "carrier.secret"),
    )


def _set(name: str) -> str:
    return os.environ.get(name, "")


def _serve(place: Place, *, with_demo: bool) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a letter of a log line is no reason to stop.
        sys.stdout.reconfigure(errors="replace")
    if _set("DATABASE_URL"):
        _require_database()
    if _set("REDIS_URL"):
        _require_broker()
    with Supervisor(sys.stdout, directory=settings.BASE_DIR, width=children.WIDTH) as supervisor:
        if not _set("REDIS_URL"):
            claims.private_folder(place.broker_socket.parent)
            broker = children.broker(place)
            supervisor.start(broker)
            supervisor.wait_until_ready(broker)
        made = supervisor.call(partial(_prepare_database, with_demo=with_demo))
        web = children.web(place)
        supervisor.start(web)
        # Before the rest, which would take the processors from it: what scripts send meanwhile
        # waits in the database.
        supervisor.wait_until_ready(web)
        if not _set("PANEL_SIMULATOR_URL"):
            supervisor.start(children.carrier(place))
        for worker in children.workers(place):
            supervisor.start(worker)
        supervisor.show(_banner(children.environment(place)["PANEL_URL"], made))
        supervisor.watch(_Binds(supervisor, place).start_new, every=BETWEEN_LOOKS)


class _Binds:
    """A process for each SMPP carrier that staff switch on; it follows the rest by itself."""

    def __init__(self, supervisor: Supervisor, place: Place) -> None:
        self._supervisor = supervisor
        self._place = place
        self._started: set[str] = set()

    def start_new(self) -> None:
        for name in self._supervisor.call(_enabled_carriers):
            if name not in self._started:
                self._started.add(name)
                self._supervisor.start(children.smpp(self._place, name))


def _enabled_carriers() -> list[str]:
    try:
        return list(SmppCarrier.objects.filter(is_enabled=True).values_list("name", flat=True))
    except DatabaseError:
        # It is away, and so is everything that a bind would need; the next look finds them.
        return []
    finally:
        _leave_database()


def _require_broker() -> None:
    if not children.is_broker_ready(settings.REDIS_URL):
        # The address alone: the rest of the URL may hold a password.
        address = urlsplit(settings.REDIS_URL)
        raise claims.Refused(
            f"REDIS_URL: nobody answers at {address.hostname or address.path}. Start Redis or "
            "Valkey there, or leave REDIS_URL out to have one started."
        )


def _require_database() -> None:
    # The pool of connections would try for long, and not say why it gave up.
    try:
        psycopg.connect(_set("DATABASE_URL"), connect_timeout=5).close()
    except psycopg.Error as refused:
        reason = str(refused).partition("\n")[0]
        raise claims.Refused(
            f"DATABASE_URL: {reason}. Start PostgreSQL there and make the database, or leave "
            "DATABASE_URL out to use SQLite."
        ) from None


def _prepare_database(*, with_demo: bool) -> Demo | None:
    try:
        call_command("migrate", interactive=False, verbosity=0)
        return demo.ensure() if with_demo else None
    finally:
        _leave_database()


def _leave_database() -> None:
    # This process watches, and needs neither connections nor their threads meanwhile.
    connections.close_all()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]  # of that backend alone


def _banner(url: str, made: Demo | None) -> str:
    lines = ["", f"sms-panel is at {url}/", ""]
    if made:
        lines += [
            f"  Account holder  {made.holder_email}  password {made.holder_password}",
            f"  Staff           {made.staff_email}  password {made.staff_password}",
            "",
            "Send an SMS:",
            "",
            f"  curl {shlex.quote(_sending_url(url, made))}",
            "",
        ]
    if settings.EMAIL_BACKEND.endswith("filebased.EmailBackend"):
        lines += [f"Mails are not sent but shown to staff at {url}/mail/", ""]
    return "\n".join([*lines, "Ctrl-C stops it.", "", ""])


def _sending_url(url: str, made: Demo) -> str:
    parameters = http2sms.form(
        account=made.account,
        login=made.login,
        password=made.password,
        sender=made.sender,
        msisdn=made.msisdn,
        text="Hello from sms-panel",
    )
    return http2sms.sending_url(url, {**parameters, "noStop": "1"})


def _folder(text: str) -> Path:
    if not text:
        raise ArgumentTypeError("must name a folder")
    return Path(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ArgumentTypeError("must be a number from 0 to 65535")
    return int(text)
