"""A carrier that speaks SMPP, as `delivery` knows carriers."""

from collections.abc import Mapping

from sms_accounts.carriers.base import Dlr, Rejected, Submit, TryLater
from sms_accounts.carriers.replies import Reply
from sms_accounts.carriers.smpp import pdus, phones, receipts, statuses, texts
from sms_accounts.carriers.smpp.options import Kind, Options
from sms_accounts.carriers.smpp.pdus import Address, Pdu, ShortMessage, Tag
from sms_accounts.carriers.smpp.session import Session

# Bits of registered_delivery: a receipt of the end whatever it is, and of what comes before it.
_RECEIPT, _INTERMEDIATE = 0x01, 0x10

_UNWRITABLE = 20

# Threads that wait for answers; and for how long ahead a carrier with a rate gets messages.
_MOST_THREADS = 128
_SECONDS_AHEAD = 4


class Smpp:
    """The carrier of these options. Without a session it understands, and hands nothing over."""

    # A second submit_sm is a second message for every SMSC.
    knows_references = False
    repeats_are_safe = False
    # Nobody reads it: its reports come over the bind.
    dlr_answer = "OK"

    def __init__(self, options: Options, session: Session | None = None) -> None:
        self.name = options.name
        self.takes_long_texts = options.joining == "payload"
        self.window = _window(options)
        self._options = options
        self._session = session

    def submit(self, submit: Submit) -> str:
        """Hand one part over and return the carrier's id of it."""
        if self._session is None:
            raise TryLater("its own process hands messages over")
        try:
            body = self._submit_sm(submit).encode()
        except ValueError:
            raise Rejected(code="cannot be written in SMPP", ptt=_UNWRITABLE) from None
        return self.understand(self._session.submit(body, reference=submit.reference))

    def understand(self, answer: Pdu) -> str:
        """Return the id in an answer to submit_sm, or raise what else it says.

        The status alone says that it was taken: the id is empty where the carrier gave none.
        """
        if answer.status != statuses.OK:
            raise statuses.failure(answer.status, self._options)
        given = pdus.message_id(answer.body)
        return receipts.canonical_id(given, self._options.ids_in_answers)

    def parse_dlrs(self, body: bytes, headers: Mapping[str, str], query: str = "") -> list[Dlr]:
        """Return the report in one PDU."""
        return [receipts.read(body, self._options)]

    def parse_replies(self, body: bytes, headers: Mapping[str, str]) -> list[Reply]:
        """Return the message from a phone, or the part of one, in one PDU."""
        return [phones.read(body, self._options)]

    def authorised(self, headers: Mapping[str, str], secret: str = "") -> bool:
        """Let nobody report over HTTP: receipts come over the bind."""
        return False

    def _submit_sm(self, submit: Submit) -> ShortMessage:
        options = self._options
        written = texts.write(submit, options)
        parameters = dict(written.parameters)
        if options.keeps_reference:
            parameters[Tag.USER_MESSAGE_REFERENCE] = bytes.fromhex(submit.reference[:4])
        validity = submit.validity or options.validity
        receiver = options.receiver
        return ShortMessage(
            service_type=options.service_type,
            source=_sender(submit.sender, options),
            destination=Address(text=submit.msisdn, ton=receiver.ton, npi=receiver.npi),
            esm_class=written.esm_class,
            validity_period=pdus.relative_time(validity) if validity else "",
            registered_delivery=_RECEIPT | (_INTERMEDIATE if options.intermediate else 0),
            data_coding=written.data_coding,
            octets=written.octets,
            parameters=parameters,
        )


def _window(options: Options) -> int:
    """Return how many messages are claimed at once: to fill the windows, and to be sent soon.

    Each that is claimed waits for its turn, and is held as unanswered if we die meanwhile.
    """
    fills = min(options.window * options.binds, _MOST_THREADS)
    return fills if options.rate is None else min(fills, max(options.rate * _SECONDS_AHEAD, 1))


def _sender(sender: str, options: Options) -> Address:
    kind = _kind_of(sender, options)
    return Address(text=sender, ton=kind.ton, npi=kind.npi)


def _kind_of(sender: str, options: Options) -> Kind:
    if not sender.isdecimal():
        return options.alphanumeric
    return options.short if len(sender) <= options.longest_short else options.international
