"""What the scripted SMSC may do with a message, and the statuses that it refuses with."""

import threading

from sms_accounts.carriers.smpp import pdus
from sms_accounts.carriers.smpp.pdus import Command, Pdu

THROTTLED, FULL, NO_RECEIVER, UNKNOWN_STATUS = 0x58, 0x14, 0x0B, 0x0403


def answer_to(pdu, heard, *, status=0, sequence=None):
    body = heard.carrier_id.encode() + b"\0" if status == 0 else b""
    return Pdu(
        Command.SUBMIT_SM | 0x8000_0000,
        status,
        pdu.sequence if sequence is None else sequence,
        body,
    )


class Conduct:
    """What the SMSC may do with a message, good and bad."""

    def __init__(self, smsc):
        self.smsc = smsc
        self.waiting = []

    def take(self, connection, pdu, heard):
        self.smsc.take_it(heard)
        self.smsc.answer(connection, pdu, heard)

    def take_and_report(self, connection, pdu, heard):
        self.take(connection, pdu, heard)
        self.smsc.report(heard, "ACCEPTD")
        self.smsc.report(heard)

    def fail(self, connection, pdu, heard):
        self.take(connection, pdu, heard)
        self.smsc.report(heard, "ACCEPTD")
        self.smsc.report(heard, "UNDELIV", heard.msisdn[-3:])

    def report_first(self, connection, pdu, heard):
        self.smsc.take_it(heard)
        receipt = self.smsc.receipt(heard)
        # Another thread: this one reads the panel's answer to it.
        threading.Thread(
            target=self._report_then_answer, args=(connection, pdu, heard, receipt)
        ).start()

    def _report_then_answer(self, connection, pdu, heard, receipt):
        self.smsc.deliver(receipt)
        self.smsc.answer(connection, pdu, heard)

    def take_silently(self, connection, pdu, heard):
        self.smsc.take_it(heard)

    def take_silently_and_report(self, connection, pdu, heard):
        self.smsc.take_it(heard)
        self.smsc.report(heard, "ACCEPTD")
        self.smsc.report(heard)

    def answer_late(self, connection, pdu, heard):
        self.smsc.take_it(heard)
        self._late(connection, pdu, heard)

    def _late(self, connection, pdu, heard, *, status=0):
        given = (connection, pdu, heard)
        threading.Timer(self.smsc.late, self.smsc.answer, given, {"status": status}).start()

    def throttle_late(self, connection, pdu, heard):
        self._late(connection, pdu, heard, status=THROTTLED)

    def refuse_late(self, connection, pdu, heard):
        self._late(connection, pdu, heard, status=NO_RECEIVER)

    def answer_twice(self, connection, pdu, heard):
        self.take(connection, pdu, heard)
        self.smsc.answer(connection, pdu, heard)

    def answer_without_id(self, connection, pdu, heard):
        self.smsc.take_it(heard)
        heard.status, heard.is_answered = 0, True
        connection.send(Pdu(Command.SUBMIT_SM | 0x8000_0000, 0, pdu.sequence, b""))

    def answer_to_another(self, connection, pdu, heard):
        self.smsc.take_it(heard)
        self.smsc.answer(
            connection, pdu, heard, sequence=(pdu.sequence + 0x1000_0000) % 0x7FFF_FFFF
        )

    def refuse(self, connection, pdu, heard):
        self.smsc.answer(connection, pdu, heard, status=NO_RECEIVER)

    def throttle_ten_together(self, connection, pdu, heard):
        self.waiting.append((connection, pdu, heard))
        if len(self.waiting) == 10:
            for each in self.waiting:
                self.smsc.answer(*each, status=THROTTLED)

    def refuse_strangely(self, connection, pdu, heard):
        self.smsc.answer(connection, pdu, heard, status=UNKNOWN_STATUS)

    def throttle_twice(self, connection, pdu, heard):
        self._busy_twice(connection, pdu, heard, THROTTLED)

    def full_twice(self, connection, pdu, heard):
        self._busy_twice(connection, pdu, heard, FULL)

    def _busy_twice(self, connection, pdu, heard, status):
        if self.smsc.times_seen(heard) <= 2:
            self.smsc.answer(connection, pdu, heard, status=status)
        else:
            self.take(connection, pdu, heard)

    def nack_once(self, connection, pdu, heard):
        if self.smsc.times_seen(heard) == 1:
            heard.status, heard.is_answered = 2, True
            connection.send(pdus.nack(pdu, status=2))
        else:
            self.take(connection, pdu, heard)

    def drop_before(self, connection, pdu, heard):
        connection.close()

    def drop_after(self, connection, pdu, heard):
        self.smsc.take_it(heard)
        connection.close()

    def drop_within(self, connection, pdu, heard):
        self.smsc.take_it(heard)
        connection.send_octets(answer_to(pdu, heard).encode()[:20])
        connection.close()

    def half(self, connection, pdu, heard):
        self.smsc.take_it(heard)
        connection.send_octets(answer_to(pdu, heard).encode()[:20])

    def garbage(self, connection, pdu, heard):
        self.smsc.take_it(heard)
        connection.send_octets(b"\xff" * 40)

    def unbind_then_answer(self, connection, pdu, heard):
        connection.send(Pdu(Command.UNBIND, 0, 1))
        self.take(connection, pdu, heard)

    def answer_on_the_next_bind(self, connection, pdu, heard):
        self.smsc.take_it(heard)
        self.smsc.owed.append((pdu, heard))
        connection.close()
