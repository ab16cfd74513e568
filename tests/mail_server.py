"""A real SMTP server in a thread, which says to each mail what a test wants."""

import asyncio
import contextlib
from collections.abc import Iterator

from aiosmtpd.controller import Controller

from tests.simulator_rig import unused_port


class MailServer:
    """What the server says, and the mails that it saw and took."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answer = "250 OK"
        self.answer_to_receiver = "250 OK"
        self.answer_to_sender = "250 OK"
        self.hangs = False
        self.taken: list[str] = []
        self.seen: list[str] = []

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        if self.answer_to_sender.startswith("250"):
            envelope.mail_from = address
        return self.answer_to_sender

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if self.answer_to_receiver.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer_to_receiver

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.seen.append(envelope.content.decode())
        if self.hangs:
            await asyncio.sleep(60)
        if self.answer.startswith("250"):
            self.taken.append(envelope.content.decode())
        return self.answer


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    known = MailServer(unused_port())
    server = Controller(known, hostname="127.0.0.1", port=known.port)
    server.start()
    try:
        yield known
    finally:
        with contextlib.suppress(AssertionError):
            server.stop()
