"""The process of a carrier, with an SMSC: what is due goes out, what comes in is kept."""

import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from panel.children import STOPS
from sms_accounts import (
    carrier_accounts,
    delivery,
    received_posts,
    receiving,
    reports,
    smpp_process,
)
from sms_accounts.carriers import UnknownCarrier
from sms_accounts.carriers.smpp.carrier import Smpp
from sms_accounts.carriers.smpp.pdus import Command
from sms_accounts.models import (
    DlrPost,
    Heartbeat,
    Message,
    Received,
    ReceivedPost,
    SmppCarrier,
    State,
)
from sms_accounts.smpp_process import Process
from tests.factories import make_message, make_route, make_smpp_carrier
from tests.simulator_rig import wait_until
from tests.smpp.panel import panel_at
from tests.smpp.rig import options_for
from tests.smpp.smsc import Smsc


@pytest.fixture
def smsc():
    smsc = Smsc()
    yield smsc
    smsc.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(smpp_process, "BETWEEN_LOOKS", timedelta(milliseconds=20))
    monkeypatch.setattr(smpp_process, "BETWEEN_READINGS", timedelta(milliseconds=100))


@contextmanager
def running(name="acme"):
    rung: list[str] = []
    process = Process(
        name,
        on_stored=lambda: rung.append("stored"),
        on_reply=lambda: rung.append("replied"),
        on_delivered=lambda: rung.append("delivered"),
        on_recorded=lambda: rung.append("recorded"),
    )

    def run():
        process.run()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield rung
    finally:
        process.stop()
        thread.join(10)
        assert not thread.is_alive()


def is_bound():
    return SmppCarrier.objects.get().is_bound


@pytest.mark.django_db(transaction=True)
class TestProcess:
    def test_hands_over_what_is_due_and_keeps_what_comes_in(self, smsc):
        make_smpp_carrier(port=smsc.port, default=True)
        smsc.script = lambda heard: "take_and_report"
        message = make_message(text="ça va ? " + "x" * 100)

        with running() as rung:
            wait_until(lambda: DlrPost.objects.count() >= 4, reason="no receipts")
            assert Heartbeat.objects.filter(kind="smpp").exists()
        reports.record_dlrs()

        message.refresh_from_db()
        assert (message.state, message.carrier) == (State.DELIVERED, "acme")
        assert [heard.message.octets[:6] for heard in smsc.heard] == [
            bytes((5, 0, 3, message.pk % 256, 2, part)) for part in (1, 2)
        ]
        assert {"stored", "delivered", "recorded"} <= set(rung)
        assert not Heartbeat.objects.filter(kind="smpp").exists()
        assert SmppCarrier.objects.get().bind_told == "unbound"

    def test_hands_over_what_a_route_sends_to_it_and_nothing_else(self, smsc):
        make_smpp_carrier(port=smsc.port)
        make_route("acme", prefix="33")
        other, message = make_message(msisdn="32470123456"), make_message(msisdn="33639980004")

        with running():
            wait_until(lambda: smsc.heard, reason="not submitted")

        message.refresh_from_db()
        other.refresh_from_db()
        assert (message.state, message.carrier) == (State.ENROUTE, "acme")
        assert (other.state, other.carrier) == (State.QUEUED, "")

    def test_hands_nothing_over_unless_staff_chose_it(self, smsc):
        make_smpp_carrier(port=smsc.port)
        message = make_message()

        with running():
            wait_until(is_bound, reason="not bound")
            SmppCarrier.objects.update(window=3)
            wait_until(lambda: len(smsc.binds) == 2, reason="not bound anew")

        message.refresh_from_db()
        assert message.state == State.QUEUED

    def test_follows_what_staff_change(self, smsc):
        make_smpp_carrier(port=smsc.port, enabled=False)

        with running():
            wait_until(
                lambda: SmppCarrier.objects.get().bind_told == "switched off", reason="not off"
            )
            assert smsc.binds == []
            SmppCarrier.objects.update(is_enabled=True)
            wait_until(is_bound, reason="not bound")
            SmppCarrier.objects.update(bind=SmppCarrier.Bind.SPLIT)
            wait_until(lambda: Command.BIND_RECEIVER in smsc.binds, reason="not bound anew")
            SmppCarrier.objects.update(is_enabled=False)
            wait_until(lambda: not is_bound(), reason="still bound")

    def test_waits_for_a_silent_carrier_no_longer_than_serve_does_for_it(self, smsc):
        make_smpp_carrier(port=smsc.port, default=True)
        SmppCarrier.objects.update(answer_seconds=25)
        smsc.script = lambda heard: "take_silently"
        message = make_message()

        with running():
            wait_until(lambda: smsc.heard, reason="not submitted")
            began = time.monotonic()

        assert time.monotonic() - began < STOPS["smpp"][1].total_seconds()
        message.refresh_from_db()
        assert message.state == State.SUBMITTING
        assert message.claimed_until is None

    def test_says_so_where_the_password_cannot_be_read(self, smsc):
        make_smpp_carrier(port=smsc.port)
        SmppCarrier.objects.update(password_sealed="lost")

        with running():
            wait_until(
                lambda: "cannot be read" in SmppCarrier.objects.get().bind_told,
                reason="said nothing",
            )

        assert smsc.binds == []

    def test_keeps_a_message_from_a_phone_however_often_it_comes(self, smsc):
        make_smpp_carrier(port=smsc.port)
        with running() as rung:
            wait_until(is_bound, reason="not bound")
            smsc.send_from_phone("Please call me")
            wait_until(lambda: not smsc.receipts, reason="not answered")
            smsc.send_from_phone("Please call me")
            wait_until(lambda: not smsc.receipts, reason="not answered")
        receiving.read_received()

        assert [b"Please call me" in bytes(post.body) for post in ReceivedPost.objects.all()] == [
            True,
            True,
        ]
        received = Received.objects.get()
        assert (received.msisdn, received.text) == ("33639980004", "Please call me")
        assert received.repeats == 1
        assert "replied" in rung
        assert not DlrPost.objects.exists()

    def test_leaves_with_the_carrier_what_the_database_does_not_take(self, smsc, monkeypatch):
        def away(*_given):
            raise OperationalError("gone")

        make_smpp_carrier(port=smsc.port)
        with running():
            wait_until(is_bound, reason="not bound")
            with monkeypatch.context() as patched:
                patched.setattr(received_posts, "store", away)
                smsc.send_from_phone("Please call me")
                wait_until(lambda: smsc.refusals, reason="was not refused")
            wait_until(lambda: not smsc.receipts, reason="not answered in the end")

        assert ReceivedPost.objects.count() == 1


@pytest.mark.django_db
class TestDeliverDue:
    def test_leaves_all_messages_to_the_process_of_the_carrier_that_staff_chose(self):
        make_smpp_carrier(default=True)
        message = make_message()

        assert delivery.deliver_due() == 0

        message.refresh_from_db()
        assert message.state == State.QUEUED

    def test_gives_a_long_text_in_one_piece_to_a_carrier_that_splits_it(self, smsc):
        make_smpp_carrier(port=smsc.port, default=True)
        SmppCarrier.objects.update(joining=SmppCarrier.Joining.PAYLOAD)
        message = make_message(text="€" * 200)

        with panel_at(smsc, joining="payload") as panel:
            panel.deliver_all()

        message.refresh_from_db()
        [heard] = smsc.heard
        assert list(heard.message.parameters.values())[-2] == b"\x1be" * 200
        assert message.state == State.ENROUTE
        assert Message.objects.get().submission.parts == 3


@pytest.mark.django_db
class TestGet:
    def test_understands_receipts_of_a_carrier_that_staff_set_up(self):
        make_smpp_carrier(name="acme")

        carrier = carrier_accounts.get("acme")

        assert carrier.name == "acme"
        assert not carrier.authorised({})
        with pytest.raises(UnknownCarrier):
            carrier_accounts.get("another")


@pytest.mark.django_db
def test_command_refuses_a_name_that_nobody_set_up():
    with pytest.raises(CommandError, match="no SMPP carrier 'acme'"):
        call_command("smpp", "acme")


@pytest.mark.parametrize(
    ("given", "window"),
    [
        ({"window": 1}, 1),
        ({"window": 40, "binds": 2}, 80),
        ({"window": 500}, 128),
        ({"window": 40, "rate": 5}, 20),
        ({"window": 3, "rate": 5}, 3),
    ],
)
def test_as_many_messages_are_claimed_as_are_sent_soon(given, window):
    assert Smpp(options_for(1, **given)).window == window
