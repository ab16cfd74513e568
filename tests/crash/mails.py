"""A mail server that keeps what it takes."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aiosmtpd.controller import Controller

from tests.simulator_rig import unused_port

# It would write down each line of each mail.
logging.getLogger("mail.log").setLevel(logging.WARNING)


class Mails:
    """The mails that were taken, each as it came; `port` is where the server listens."""

    def __init__(self) -> None:
        self.port = unused_port()
        self.taken: list[str] = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.taken.append(envelope.content.decode())
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[Mails]:
    mails = Mails()
    server = Controller(mails, hostname="127.0.0.1", port=mails.port)
    server.start()
    yield mails
    # A connection that a killed process left open may be in the way of a clean end.
    with suppress(AssertionError):
        server.stop()
