"""Against an SMSC that others wrote: the package smpp of Node.js."""

import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest

from sms_accounts import gsm, reply_texts
from sms_accounts.carriers.base import OutcomeUnknown, Submit, TryLater
from sms_accounts.carriers.smpp import phones
from sms_accounts.carriers.smpp.carrier import Smpp
from tests import others
from tests.certificates import pem_for
from tests.simulator_rig import wait_until
from tests.smpp.rig import Box, fast_session, options_for
from tests.smpp.smsc import PASSWORD

# Every character of GSM 03.38, escaped ones too.
ALPHABET = gsm.BASIC + gsm.EXTENSION
LONG_UNICODE = "Grüße aus Köln 🙂 çÇ — " * 12


class NodeSmsc:
    """The SMSC as a process, and the messages that it wrote down."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [others.node(), str(others.TESTS / "npm" / "smsc.js"), PASSWORD, *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self._lines = self.process.stdout
        self.port = int(self._lines.readline())
        self.heard = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self._lines:
            self.heard.append(json.loads(line))

    def close(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self._lines.close()


@pytest.fixture
def smsc():
    smsc = NodeSmsc()
    yield smsc
    smsc.close()


@contextmanager
def bound(smsc, **given):
    box = Box()
    options = options_for(smsc.port, **given)
    session = fast_session(options, box)
    try:
        assert session.wait_until_bound(within=timedelta(seconds=5)), session.problem
        yield Smpp(options, session), box
    finally:
        session.stop()


def parts_of(text, *, msisdn="33639980004", whole=False):
    coding = gsm.coding_of(text)
    texts = [text] if whole else gsm.split(text, coding=coding)
    return [
        Submit(
            reference=f"{number:04x}" * 8,
            msisdn=msisdn,
            sender="PANEL",
            text=each,
            coding=coding,
            part=number,
            parts=len(texts),
            concat_reference=200,
        )
        for number, each in enumerate(texts, start=1)
    ]


def submit_all(carrier, parts):
    def submit(part):
        try:
            return carrier.submit(part)
        except (TryLater, OutcomeUnknown) as failure:
            return failure

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(submit, parts))


def test_every_character_of_the_alphabet_arrives(smsc):
    [part] = parts_of(ALPHABET)
    with bound(smsc, validity=timedelta(hours=3)) as (carrier, _box):
        carrier.submit(part)
        wait_until(lambda: smsc.heard, reason="nothing arrived")

    [heard] = smsc.heard
    assert heard["text"] == ALPHABET
    assert (heard["msisdn"], heard["sender"], heard["ton"]) == ("33639980004", "PANEL", 5)
    assert (heard["coding"], heard["receipt"]) == (0, 1)
    assert heard["validity"]


@pytest.mark.parametrize("joining", ["udh", "sar", "payload"])
def test_a_long_unicode_text_arrives_whole(smsc, joining):
    parts = parts_of(LONG_UNICODE, whole=joining == "payload")
    with bound(smsc, joining=joining) as (carrier, _box):
        assert all(isinstance(each, str) for each in submit_all(carrier, parts))
        wait_until(lambda: len(smsc.heard) == len(parts), reason="parts are missing")

    def place(heard):
        return int(heard["header"][0][-2:], 16) if joining == "udh" else heard["segment"][2] or 0

    heard = sorted(smsc.heard, key=place)
    assert "".join(each["text"] for each in heard) == LONG_UNICODE
    assert {each["coding"] for each in heard} == {8}
    if joining == "udh":
        assert heard[1]["header"] == [f"0003c8{len(parts):02x}02"]
    if joining == "sar":
        assert [each["segment"] for each in heard] == [
            [200, len(parts), number + 1] for number in range(len(parts))
        ]


def test_receipts_name_the_id_of_the_answer_and_our_reference(smsc):
    with bound(smsc) as (carrier, box):
        ids = submit_all(carrier, parts_of("x" * 400))
        wait_until(lambda: len(box.bodies) == 3, reason="receipts are missing")

    dlrs = [dlr for body in box.bodies for dlr in carrier.parse_dlrs(body, {})]
    assert {dlr.carrier_message_id for dlr in dlrs} == set(ids)
    assert {dlr.state for dlr in dlrs} == {"delivered"}
    assert {dlr.reference for dlr in dlrs} == {"0001/004", "0002/004", "0003/004"}


def test_what_a_phone_answers_comes_in_its_parts(smsc):
    [part] = parts_of("Coming?", msisdn="33639980901")
    with bound(smsc) as (carrier, box):
        carrier.submit(part)
        wait_until(lambda: len(box.bodies) == 3, reason="parts are missing")

    replies = [phones.read(body, options_for(smsc.port)) for body in reversed(box.bodies[1:])]
    assert [reply.part and reply.part.number for reply in replies] == [1, 2]
    assert [(reply.sender, reply.receiver) for reply in replies] == [("33639980901", "PANEL")] * 2
    assert reply_texts.text_of([(reply.coding, reply.octets) for reply in replies]) == (
        "Grüße aus Köln 🙂"
    )


def test_throttling_asks_to_try_later_and_ends(smsc):
    [part] = parts_of("Hello", msisdn="33639986004")
    with bound(smsc) as (carrier, _box):
        for _ in range(2):
            with pytest.raises(TryLater, match="ESME_RTHROTTLED"):
                carrier.submit(part)

        assert carrier.submit(part)


def test_a_drop_in_mid_window_leaves_open_what_was_written_and_binds_anew(smsc):
    good, bad = parts_of("Hello"), parts_of("Hello", msisdn="33639987004")
    with bound(smsc, window=10) as (carrier, _box):
        [dropped] = submit_all(carrier, bad)
        others_of_window = submit_all(carrier, [*bad, *good * 9])
        wait_until(lambda: isinstance(submit_all(carrier, good)[0], str), reason="not bound anew")

    assert isinstance(dropped, OutcomeUnknown)
    taken = sum(1 for each in others_of_window if isinstance(each, str))
    # Whatever it took is known as taken or open, and nothing it never heard of is known as taken.
    heard = sum(1 for each in smsc.heard if each["msisdn"] == good[0].msisdn) - 1
    open_ones = sum(1 for each in others_of_window if isinstance(each, OutcomeUnknown))
    assert taken <= heard <= taken + open_ones


def test_over_tls_all_is_as_without(tmp_path):
    certificate, pem = pem_for("localhost")
    file = tmp_path / "both.pem"
    file.write_bytes(pem)
    smsc = NodeSmsc(str(file))
    given = {"host": "localhost", "uses_tls": True, "certificates": certificate}
    try:
        with bound(smsc, **given) as (carrier, _box):
            assert all(isinstance(each, str) for each in submit_all(carrier, parts_of("x" * 900)))
    finally:
        smsc.close()


def test_a_wrong_password_is_said_to_be_one(smsc):
    session = fast_session(options_for(smsc.port, password="wrong"), Box())

    assert not session.wait_until_bound(within=timedelta(seconds=5))
    assert session.problem == "the bind was refused: ESME_RINVPASWD"
    session.stop()
