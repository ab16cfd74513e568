import re
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import gsm0338
import pytest
import urllib3
from structlog.testing import capture_logs

from sms_accounts.carriers.base import Rejected
from sms_accounts.carriers.simulated_air import fits
from sms_accounts.carriers.simulated_numbers import plan
from sms_accounts.carriers.simulated_smsc import SimulatedSmsc
from sms_accounts.carriers.simulated_state import StateInUse
from sms_accounts.carriers.simulator import meaning
from tests.simulator_rig import (
    SECRET,
    SimulatorRig,
    make_submit,
    wait_until,
)

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTED = re.findall(
    r"^\| (\d{11}) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|",
    (ROOT / "docs" / "test-numbers.md").read_text(),
    re.MULTILINE,
)
PTTS = {1, 2, 3, 4, 5, 6, 8, 20, 21, *range(23, 30), 33, 39, 73, 74, 76, 202}


@pytest.fixture
def rig(tmp_path):
    rig = SimulatorRig(tmp_path)
    yield rig
    rig.close()


def make_plan(msisdn, *, reference="a", part=1, parts=1):
    return plan(msisdn=msisdn, reference=reference, part=part, parts=parts)


def words(plan):
    return [f"{report.stat} err:{report.err}" for report in plan.reports]


class TestDocumentedNumbers:
    def test_show_every_ptt(self):
        shown = {int(ptt) for _, ptts, _, _ in DOCUMENTED for ptt in ptts.split(", then ")}

        assert shown == PTTS

    @pytest.mark.parametrize(("msisdn", "ptts", "states", "codes"), DOCUMENTED)
    def test_end_as_the_page_says(self, msisdn, ptts, states, codes):
        accepted, *told = make_plan(msisdn).reports
        told = told or [accepted]

        meanings = [meaning(report.stat, report.err) for report in told]
        assert ", then ".join(str(ptt) for _, ptt in meanings) == ptts
        assert ", then ".join(state for state, _ in meanings) == states
        assert ", then ".join(f"{report.stat} err:{report.err}" for report in told) == codes


class TestPlan:
    def test_is_the_same_at_every_call(self):
        assert make_plan("33612345678") == make_plan("33612345678")

    def test_reports_in_the_order_and_time_of_an_ordinary_carrier(self):
        for number in range(200):
            accepted, final = make_plan("33639980004", reference=str(number)).reports

            assert timedelta(seconds=0.2) <= accepted.after <= timedelta(seconds=1)
            assert timedelta(seconds=1) <= final.after <= timedelta(seconds=3)

    def test_delivers_other_numbers_and_some_of_them_late(self):
        plans = [make_plan(f"336000{number:05}") for number in range(2000)]

        assert {tuple(words(each)) for each in plans} == {("ACCEPTD err:000", "DELIVRD err:000")}
        late = [each for each in plans if each.reports[-1].after == timedelta(seconds=10)]
        assert 60 < len(late) < 140

    def test_takes_a_number_of_another_length_for_an_ordinary_one(self):
        assert words(make_plan("336399800041"))[-1] == "DELIVRD err:000"

    def test_slow_ends_after_half_a_minute(self):
        assert make_plan("33639981024").reports[-1].after == timedelta(seconds=30)

    def test_repeated_ends_three_times(self):
        assert words(make_plan("33639983024")) == ["ACCEPTD err:000", *3 * ["EXPIRED err:024"]]

    def test_out_of_order_ends_before_it_is_accepted(self):
        final, accepted = make_plan("33639984024").reports

        assert (final.stat, accepted.stat) == ("EXPIRED", "ACCEPTD")
        assert final.after < accepted.after

    @pytest.mark.parametrize(
        ("msisdn", "ends"),
        [
            ("33639989008", ["EXPIRED err:008", "DELIVRD err:000"]),
            ("33639989004", ["DELIVRD err:000", "UNDELIV err:005"]),
        ],
    )
    def test_contradicting_ends_twice(self, msisdn, ends):
        assert words(make_plan(msisdn))[1:] == ends

    def test_last_part_alone_fails(self):
        ends = [words(make_plan("33639988008", part=part, parts=3))[-1] for part in (1, 2, 3)]

        assert ends == ["DELIVRD err:000", "DELIVRD err:000", "EXPIRED err:008"]


class TestFits:
    @pytest.mark.parametrize(
        ("text", "coding", "alone", "expected"),
        [
            ("a" * 160, "gsm7", True, True),
            ("a" * 161, "gsm7", True, False),
            ("a" * 153, "gsm7", False, True),
            ("a" * 154, "gsm7", False, False),
            ("€" * 80, "gsm7", True, True),
            ("€" * 81, "gsm7", True, False),
            ("ç", "gsm7", True, False),
            ("ç" * 70, "ucs2", True, True),
            ("ç" * 71, "ucs2", True, False),
            ("😀" * 33 + "a", "ucs2", False, True),
            ("😀" * 34, "ucs2", False, False),
            ("\ud83d", "ucs2", True, False),
            ("a", "latin1", True, False),
            ("a", None, True, False),
        ],
    )
    def test_judges_by_alphabet_and_length(self, text, coding, alone, expected):
        assert fits(text, coding=coding, alone=alone) is expected

    def test_knows_the_alphabet_that_others_know(self):
        codec = gsm0338.Codec()
        for code in [*range(0x20, 0x180), *range(0x370, 0x400), 0x0A, 0x0C, 0x0D, 0x20AC]:
            character = chr(code)
            try:
                septets = len(codec.encode(character)[0])
            except UnicodeEncodeError:
                septets = 0

            assert fits(character, coding="gsm7", alone=True) is (septets > 0), character
            if septets:
                assert fits(character * (160 // septets), coding="gsm7", alone=True), character
                assert not fits(character * (160 // septets + 1), coding="gsm7", alone=True)


class TestSimulatedSmsc:
    def test_refuses_what_the_air_cannot_carry(self, rig):
        for wrong in (
            make_submit(text="a" * 161),
            make_submit(text="ça va"),
            make_submit(text=""),
            make_submit(part=2, parts=1),
            make_submit(msisdn="+33639980004"),
            make_submit(reference="a" * 37),
            make_submit(validity=timedelta(seconds=-5)),
        ):
            with pytest.raises(Rejected) as refused:
                rig.carrier.submit(wrong)
            assert refused.value.code == "REJECTD err:020"

        assert rig.log()["seen"] == 0

    def test_shows_in_its_log_what_it_saw(self, rig):
        twice = make_submit(text="Bonjour €", validity=timedelta(hours=2))
        rig.carrier.submit(twice)
        rig.carrier.submit(twice)
        rig.carrier.submit(make_submit())
        with pytest.raises(Rejected):
            rig.carrier.submit(make_submit(msisdn="33639985023"))
        rig.wait_for_dlrs(4)

        log = rig.log()

        assert (log["seen"], log["seen_twice"]) == (3, 1)
        seen = log["submits"][0]
        assert (seen["ref"], seen["text"], seen["validity"]) == (twice.reference, "Bonjour €", 7200)
        assert (seen["asked"], seen["repeated"]) == (2, 1)
        assert log["submits"][2]["id"] is None
        assert rig.log(after=seen["number"])["submits"] == log["submits"][1:]

    def test_forgets_a_report_once_it_was_taken(self, rig):
        rig.carrier.submit(make_submit(msisdn="33639983024"))
        rig.wait_for_dlrs(4)

        wait_until(lambda: rig.log()["pending_dlrs"] == 0, reason="reports stay pending")
        assert len(rig.arrived()) == 4

    def test_keeps_reporting_until_the_panel_is_back(self, rig):
        rig.hold_dlrs()
        rig.carrier.submit(make_submit())
        wait_until(lambda: rig.receiver.refused >= 2, reason="it gave up")

        rig.release_dlrs()

        assert [dlr.state for dlr in rig.wait_for_dlrs(2)] == ["enroute", "delivered"]

    def test_lets_reports_travel_together(self, rig):
        rig.hold_dlrs()
        for _ in range(40):
            rig.carrier.submit(make_submit())

        rig.release_dlrs()

        rig.wait_for_dlrs(80)
        assert len(rig.receiver.calls) < 40

    def test_takes_its_time(self, tmp_path):
        rig = SimulatorRig(tmp_path, pace=0.1)
        try:
            rig.carrier.submit(make_submit())
            assert rig.arrived() == []
            accepted, final = rig.wait_for_dlrs(2)
        finally:
            rig.close()

        assert timedelta(0) < final.at - accepted.at < timedelta(seconds=0.3)

    def test_answers_while_another_answer_is_awaited(self, rig):
        rig.hold_dlrs()
        with Waiting(rig.carrier, make_submit(msisdn="33639982004")) as early:
            rig.carrier.submit(make_submit())
            assert early.running()
            rig.release_dlrs()

    def test_asks_a_stranger_for_the_secret(self, rig):
        for path in ("/log", "/submit", "/elsewhere"):
            response = urllib3.request("GET", rig.url + path, retries=False)
            assert response.status == 401
            response = urllib3.request("POST", rig.url + path, body=b"{}", retries=False)
            assert response.status == 401

    def test_refuses_a_body_without_end(self, rig):
        headers = {"Authorization": f"Bearer {SECRET}"}
        body = b"a" * (64 * 1024 + 1)

        response = urllib3.request(
            "POST", rig.url + "/submit", body=body, headers=headers, retries=False
        )

        assert response.status == 413

    def test_says_nothing_of_texts_and_numbers(self, rig):
        rig.hold_dlrs()
        with capture_logs() as logs:
            rig.carrier.submit(make_submit(text="The code is 4711"))
            wait_until(lambda: rig.receiver.refused >= 1, reason="nothing was reported")
            rig.stop()

        assert {line["event"] for line in logs} == {"submit", "dlrs_not_taken"}
        assert "4711" not in str(logs)
        assert "3363998" not in str(logs)

    def test_keeps_its_memory_to_its_owner(self, rig, tmp_path):
        rig.carrier.submit(make_submit())

        modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        assert modes == {0o600}

    def test_shares_its_memory_with_nobody(self, rig, tmp_path):
        with pytest.raises(StateInUse):
            SimulatedSmsc(
                host="127.0.0.1",
                port=0,
                state=tmp_path / "state.sqlite3",
                dlr_url=rig.receiver.url,
                secret=SECRET,
            )

    def test_forgets_after_a_week_what_is_done(self, rig, tmp_path):
        old, pending, new = make_submit(), make_submit(), make_submit()
        for submit in (old, new):
            rig.carrier.submit(submit)
        wait_until(lambda: rig.log()["pending_dlrs"] == 0, reason="reports stay pending")
        rig.hold_dlrs()
        rig.carrier.submit(pending)
        rig.stop()
        with sqlite3.connect(tmp_path / "state.sqlite3") as db:
            db.execute(
                "UPDATE submits SET seen_at = seen_at - 8 * 86400 WHERE reference <> ?",
                (new.reference,),
            )
        db.close()

        rig.start()

        kept = {submit["ref"] for submit in rig.log()["submits"]}
        assert kept == {new.reference, pending.reference}


class Waiting:
    """A submit in a thread of its own, which must succeed by the end of the block."""

    def __init__(self, carrier, submit):
        self.answer = None
        self._thread = threading.Thread(target=self._run, args=(carrier, submit))

    def _run(self, carrier, submit):
        self.answer = carrier.submit(submit)

    def running(self):
        return self._thread.is_alive()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()
        assert self.answer
