"""Binds: what every carrier must do, and what SMPP asks for besides."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from sms_accounts.carriers.base import OutcomeUnknown, TryLater
from sms_accounts.carriers.smpp.carrier import Smpp
from sms_accounts.carriers.smpp.pdus import Address, Command
from tests.carriers.contract import CarrierContract, GivesIds, make
from tests.certificates import certificate_for
from tests.simulator_rig import make_submit, unused_port, wait_until
from tests.smpp.rig import FAST, SOFT, Box, SmppRig, fast_session, options_for
from tests.smpp.smsc import Smsc

MSISDN = "33639980004"


@pytest.fixture
def rig():
    rig = SmppRig()
    yield rig
    rig.close()


class TestSmpp(CarrierContract, GivesIds):
    pass


@contextmanager
def bound(smsc, *, timing=FAST, brakes=SOFT, **given):
    """A carrier bound to an SMSC, its session and its box."""
    box = Box()
    options = options_for(smsc.port, **given)
    session = fast_session(options, box, timing=timing, brakes=brakes)
    try:
        assert session.wait_until_bound(within=timedelta(seconds=5)), session.problem
        yield Smpp(options, session), session, box
    finally:
        session.stop()
        smsc.stop()


def submit_all(carrier, count):
    """Submit so many messages at once; return the ids, or what was raised instead."""

    def submit(_number):
        try:
            return carrier.submit(make(MSISDN))
        except (TryLater, OutcomeUnknown) as failure:
            return failure

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(submit, range(count)))


class TestBind:
    def test_as_transmitter_and_receiver_takes_both(self):
        smsc = Smsc(lambda heard: "take_and_report")
        with bound(smsc, is_split=True) as (carrier, _session, box):
            assert carrier.submit(make(MSISDN))
            wait_until(lambda: len(box.bodies) == 2, reason="no receipts")

        assert sorted(smsc.binds) == [Command.BIND_RECEIVER, Command.BIND_TRANSMITTER]

    def test_may_be_one_of_several_that_share_the_work(self):
        smsc = Smsc(lambda heard: "answer_late")
        smsc.late = 0.1
        with bound(smsc, binds=3, window=1) as (carrier, _session, _box):
            assert all(isinstance(each, str) for each in submit_all(carrier, 3))

        assert len(smsc.binds) == 3

    def test_that_is_refused_is_tried_again(self):
        smsc = Smsc()
        smsc.refused_binds = 3
        box = Box()
        session = fast_session(options_for(smsc.port), box)

        wait_until(lambda: session.is_bound, reason="never bound")

        assert box.told[0] == "the bind was refused: ESME_RBINDFAIL"
        assert len(smsc.binds) == 4
        session.stop()
        smsc.stop()

    def test_is_made_anew_when_the_carrier_is_silent(self):
        smsc = Smsc()
        smsc.answers_enquiries = False
        quick = {
            "enquire_every": timedelta(milliseconds=50),
            "answer_within": timedelta(milliseconds=500),
        }
        with bound(smsc, **quick) as (_carrier, _session, box):
            wait_until(lambda: len(smsc.binds) > 1, reason="no second bind")

        assert "the carrier is silent" in box.told

    def test_is_kept_while_the_carrier_answers(self):
        smsc = Smsc()
        with bound(smsc, enquire_every=timedelta(milliseconds=20)):
            wait_until(lambda: smsc.enquiries > 5, reason="never asked")

        assert len(smsc.binds) == 1

    def test_waits_longer_each_time_that_nobody_listens(self):
        box = Box()
        timing = replace(FAST, first_wait=timedelta(milliseconds=40), longest_wait=timedelta(1))
        session = fast_session(options_for(unused_port()), box, timing=timing)

        time.sleep(0.35)
        session.stop()

        # After 0, 40, 120 and 280 ms.
        assert 3 <= len(box.told) <= 4
        assert set(box.told) == {"cannot be reached: connection refused"}

    def test_goes_over_tls_to_whom_the_certificate_names(self):
        certificate, context = certificate_for("localhost")
        smsc = Smsc(tls=context)
        trusted = {"host": "localhost", "uses_tls": True, "certificates": certificate}
        with bound(smsc, **trusted) as (carrier, _session, box):
            assert all(isinstance(each, str) for each in submit_all(carrier, 20))

        assert "TLSv1.3" in box.told[0]

    def test_goes_to_no_stranger_over_tls(self):
        certificate, context = certificate_for("elsewhere.example")
        smsc = Smsc(tls=context)
        options = options_for(smsc.port, host="localhost", uses_tls=True, certificates=certificate)
        box = Box()
        session = fast_session(options, box)

        assert not session.wait_until_bound(within=timedelta(seconds=5))

        assert "TLS" in session.problem
        assert smsc.binds == []
        session.stop()
        smsc.stop()


class TestAnswers:
    def test_that_run_into_each_other_end_the_bind_and_leave_the_outcome_open(self):
        smsc = Smsc(lambda heard: "half")
        with bound(smsc) as (carrier, _session, box):
            ends = submit_all(carrier, 2)

        assert [type(end) for end in ends] == [OutcomeUnknown, OutcomeUnknown]
        assert any("sent what is no SMPP" in told for told in box.told)


class TestWindow:
    def test_is_never_wider_than_was_agreed(self):
        smsc = Smsc(lambda heard: "answer_late")
        smsc.late = 0.05
        with bound(smsc, window=4) as (carrier, _session, _box):
            assert all(isinstance(each, str) for each in submit_all(carrier, 20))

        assert smsc.widest == 4


class TestPace:
    def test_is_no_faster_than_staff_allow(self):
        smsc = Smsc()
        with bound(smsc, rate=50, window=50) as (carrier, _session, _box):
            began = time.monotonic()
            submit_all(carrier, 20)

        assert time.monotonic() - began >= 18 / 50

    def test_slows_down_once_for_all_that_are_throttled_together(self):
        smsc = Smsc()
        smsc.script = lambda heard: "throttle_ten_together" if len(smsc.heard) <= 10 else "take"
        brakes = replace(SOFT, longest_space=timedelta(seconds=1))
        with bound(smsc, window=20, brakes=brakes) as (carrier, _session, _box):
            first = submit_all(carrier, 10)
            assert all(isinstance(each, TryLater) for each in first)
            began = time.monotonic()
            second = submit_all(carrier, 10)
            took = time.monotonic() - began

        # A space of 20 ms, which becomes smaller again while all goes well; ten times that of
        # one would be a second.
        assert 0.05 < took < 0.5
        assert all(isinstance(each, str) for each in second)


class TestStop:
    def test_waits_for_the_answers_under_way(self):
        smsc = Smsc(lambda heard: "answer_late")
        smsc.late = 0.15
        with bound(smsc) as (carrier, session, _box):
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(carrier.submit, make(MSISDN))
                wait_until(lambda: smsc.heard, reason="not submitted")
                session.stop()

            assert waiting.result()
            with pytest.raises(TryLater):
                carrier.submit(make(MSISDN))

    def test_waits_no_longer_than_its_patience(self):
        smsc = Smsc(lambda heard: "take_silently")
        with bound(smsc) as (carrier, session, _box), ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(carrier.submit, make(MSISDN))
            wait_until(lambda: smsc.heard, reason="not submitted")
            began = time.monotonic()
            session.stop()

            with pytest.raises(OutcomeUnknown):
                waiting.result()

        assert 0.3 <= time.monotonic() - began < 2


class TestSubmitSm:
    @pytest.mark.parametrize(
        ("sender", "expected"),
        [
            ("PANEL", Address(text="PANEL", ton=5, npi=0)),
            ("36184", Address(text="36184", ton=3, npi=0)),
            ("33639980001", Address(text="33639980001", ton=1, npi=1)),
        ],
    )
    def test_says_what_kind_of_sender_it_has(self, sender, expected):
        smsc = Smsc()
        with bound(smsc) as (carrier, _session, _box):
            carrier.submit(replace(make_submit(), sender=sender))

        [heard] = smsc.heard
        assert heard.message.source == expected
        assert heard.message.destination == Address(text=MSISDN, ton=1, npi=1)

    def test_asks_for_receipts_and_names_its_reference(self):
        smsc = Smsc()
        with bound(smsc, intermediate=True, validity=timedelta(hours=2)) as (carrier, _s, _b):
            carrier.submit(make_submit(reference="beef" * 8))

        [heard] = smsc.heard
        assert heard.message.registered_delivery == 0x11
        assert heard.message.validity_period == "000000020000000R"
        assert heard.reference == "beef"

    def test_names_no_reference_where_the_carrier_takes_none(self):
        smsc = Smsc()
        with bound(smsc, keeps_reference=False) as (carrier, _session, _box):
            carrier.submit(make_submit())

        assert smsc.heard[0].message.parameters == {}
