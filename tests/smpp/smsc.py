"""A scripted SMSC: does to each message what its number or its script says, and writes it down."""

import itertools
import socket
import ssl
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from sms_accounts.carriers.smpp import pdus
from sms_accounts.carriers.smpp.pdus import Address, Command, Pdu, ShortMessage, Splitter, Tag
from tests.smpp.conduct import Conduct, answer_to

PASSWORD = "secret"


@dataclass(kw_only=True)
class Heard:
    """A submit_sm that was read, and what was done with it."""

    msisdn: str
    reference: str
    message: ShortMessage
    # Empty unless it was taken.
    carrier_id: str = ""
    status: int | None = None
    is_answered: bool = False


class Connection:
    """One bind, as the SMSC sees it."""

    def __init__(self, smsc, sock):
        self.smsc = smsc
        self.socket = sock
        self.role = None
        self.is_open = True
        self._lock = threading.Lock()

    def send(self, pdu):
        self.send_octets(pdu.encode())

    def send_octets(self, octets):
        with self._lock, suppress(OSError):
            self.socket.sendall(octets)

    def close(self):
        self.is_open = False
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def attend(self):
        splitter = Splitter()
        with suppress(OSError):
            while received := self.socket.recv(65536):
                for pdu in splitter.feed(received):
                    self.smsc.take(self, pdu)
        self.close()


class Smsc:
    """Listens on this machine; `script` names for each message a method of `Conduct`."""

    def __init__(self, script=lambda heard: "take", *, tls=None):
        self.script = script
        self.heard: list[Heard] = []
        self.binds: list[int] = []
        self.refused_binds = 0
        self.answers_enquiries = True
        self.receipts: list[Pdu] = []
        # How the panel answered what it did not take.
        self.refusals: list[int] = []
        self.enquiries = 0
        self.connections: list[Connection] = []
        self._tls = tls
        self._ids = itertools.count(0xA001)
        self._sequences = itertools.count(1)
        self._awaited: dict[int, threading.Event] = {}
        self._seen: Counter[str] = Counter()
        self._conduct = Conduct(self)
        self.late = 0.5
        # Answers that the next bind brings.
        self.owed = []
        # How many messages waited for their answer at once.
        self.widest = 0
        self._lock = threading.Lock()
        self.port = 0
        self.start()

    def start(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._is_open = True
        for work in (self._listen, self._carry):
            threading.Thread(target=work, daemon=True).start()

    def stop(self):
        self._is_open = False
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def hang_up(self):
        for connection in list(self.connections):
            connection.close()

    def take(self, connection, pdu):
        if pdu.command in (
            Command.BIND_TRANSCEIVER,
            Command.BIND_TRANSMITTER,
            Command.BIND_RECEIVER,
        ):
            self._bind(connection, pdu)
        elif pdu.command == Command.ENQUIRE_LINK:
            self.enquiries += 1
            if self.answers_enquiries:
                connection.send(pdus.response(pdu))
        elif pdu.command == Command.SUBMIT_SM:
            self._submit(connection, pdu)
        elif pdu.command == Command.UNBIND:
            connection.send(pdus.response(pdu))
            connection.close()
        elif pdu.answers(Command.DELIVER_SM) and pdu.status:
            self.refusals.append(pdu.status)
        elif pdu.answers(Command.DELIVER_SM) and pdu.sequence in self._awaited:
            self._awaited.pop(pdu.sequence).set()

    def _bind(self, connection, pdu):
        self.binds.append(pdu.command)
        status = 0
        if PASSWORD.encode() + b"\0" not in pdu.body:
            status = 0x0E
        elif self.refused_binds:
            self.refused_binds -= 1
            status = 0x0D
        body = b"SMSC\0" if status == 0 else b""
        connection.send(Pdu(pdu.command | 0x8000_0000, status, pdu.sequence, body))
        if status == 0:
            connection.role = pdu.command
            owed, self.owed = self.owed, []
            for question, heard in owed:
                self.answer(connection, question, heard)

    def _submit(self, connection, pdu):
        message = pdus.short_message(pdu.body)
        heard = Heard(
            msisdn=message.destination.text,
            reference=message.parameters.get(Tag.USER_MESSAGE_REFERENCE, b"").hex(),
            message=message,
        )
        with self._lock:
            self.heard.append(heard)
            self._seen[heard.msisdn] += 1
        getattr(self._conduct, self.script(heard))(connection, pdu, heard)

    def take_it(self, heard):
        heard.carrier_id = f"{next(self._ids):08X}"

    def answer(self, connection, pdu, heard, *, status=0, sequence=None):
        with self._lock:
            self.widest = max(self.widest, sum(1 for each in self.heard if not each.is_answered))
            heard.status = status
            heard.is_answered = sequence is None
        connection.send(answer_to(pdu, heard, status=status, sequence=sequence))

    def times_seen(self, heard):
        return self._seen[heard.msisdn]

    def report(self, heard, stat="DELIVRD", err="000"):
        self.receipts.append(self.receipt(heard, stat, err))

    def receipt(self, heard, stat="DELIVRD", err="000"):
        now = time.strftime("%y%m%d%H%M%S", time.gmtime())
        text = (
            f"id:{heard.carrier_id} sub:001 dlvrd:001 submit date:{now} done date:{now} "
            f"stat:{stat} err:{err} text:{heard.msisdn}"
        )
        message = ShortMessage(
            source=Address(text=heard.msisdn, ton=1, npi=1),
            destination=heard.message.source,
            esm_class=4,
            octets=text.encode(),
            parameters={Tag.USER_MESSAGE_REFERENCE: bytes.fromhex(heard.reference)},
        )
        return Pdu(Command.DELIVER_SM, 0, next(self._sequences), message.encode())

    @property
    def has_bound(self):
        """Tell whether it takes somebody for bound: a moment later than the other side does."""
        return any(each.role for each in self.connections)

    def report_at_once(self, ids_and_msisdns, *, window=200, within=600):
        """Send a receipt for each id, many before the first is answered; return how many were."""
        connection = next(each for each in self.connections if each.role)
        room = threading.Semaphore(window)
        answered = 0

        class Slot(threading.Event):
            def set(self):
                nonlocal answered
                answered += 1
                super().set()
                room.release()

        slots = []
        for carrier_id, msisdn in ids_and_msisdns:
            text = f"id:{carrier_id} sub:001 dlvrd:001 stat:DELIVRD err:000 text:"
            message = ShortMessage(source=Address(text=msisdn), esm_class=4, octets=text.encode())
            pdu = Pdu(Command.DELIVER_SM, 0, next(self._sequences), message.encode())
            room.acquire()
            slots.append(Slot())
            self._awaited[pdu.sequence] = slots[-1]
            connection.send(pdu)
        ends_at = time.monotonic() + within
        for slot in slots:
            slot.wait(max(ends_at - time.monotonic(), 0))
        return answered

    def send_from_phone(self, text):
        message = ShortMessage(source=Address(text="33639980004"), octets=text.encode())
        self.receipts.append(Pdu(Command.DELIVER_SM, 0, next(self._sequences), message.encode()))

    def deliver(self, pdu, *, within=0.3):
        """Send a deliver_sm to whoever receives; return whether it was answered with OK."""
        for connection in list(self.connections):
            if connection.is_open and connection.role not in (None, Command.BIND_TRANSMITTER):
                event = self._awaited[pdu.sequence] = threading.Event()
                connection.send(pdu)
                return event.wait(within)
        return False

    def _listen(self):
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._meet, args=(sock,), daemon=True).start()

    def _meet(self, sock):
        if self._tls:
            try:
                sock = self._tls.wrap_socket(sock, server_side=True)
            except (ssl.SSLError, OSError):
                sock.close()
                return
        connection = Connection(self, sock)
        self.connections.append(connection)
        connection.attend()

    def _carry(self):
        """Deliver what waits, again and again until the panel says that it has it."""
        listener = self._listener
        while listener is self._listener and self._is_open:
            receipt = self.receipts[0] if self.receipts else None
            if receipt is not None and self.deliver(receipt):
                self.receipts.remove(receipt)
            else:
                time.sleep(0.01)
