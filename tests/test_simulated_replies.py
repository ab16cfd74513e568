"""Phones of the simulated carrier that answer what they get."""

import re
from pathlib import Path

import pytest

from sms_accounts.carriers.base import Rejected
from sms_accounts.carriers.replies import parse_plain
from sms_accounts.carriers.simulated_numbers import plan
from sms_accounts.carriers.simulated_smsc import SimulatedSmsc
from sms_accounts.carriers.simulator import Simulator
from tests.simulator_rig import SECRET, SimulatorRig, make_submit, wait_until

ROOT = Path(__file__).resolve().parent.parent
ANSWERING = re.findall(
    r"^\| (336399809\d\d) \| (?:[^|]+\| ){3}answers “([^”…]+)",
    (ROOT / "docs" / "test-numbers.md").read_text(),
    re.MULTILINE,
)


@pytest.fixture
def rig(tmp_path):
    rig = SimulatorRig(tmp_path)
    yield rig
    rig.close()


def make_plan(msisdn, *, part=1, parts=1, text=""):
    return plan(msisdn=msisdn, reference="a", part=part, parts=parts, text=text)


def test_the_page_names_all_of_them():
    assert len(ANSWERING) == 4


class TestReplies:
    def replies(self, rig, count=1):
        wait_until(lambda: len(rig.receiver.replies) >= count, reason="no reply")
        return [
            (reply.sender, reply.receiver, reply.octets.decode(), reply.carrier_id)
            for headers, body in rig.receiver.replies
            if rig.carrier.authorised(headers)
            for reply in parse_plain(body, headers)
        ]

    @pytest.mark.parametrize(("msisdn", "text"), ANSWERING)
    def test_come_from_the_phones_that_the_page_names(self, msisdn, text):
        assert make_plan(msisdn).reply.startswith(text)
        assert make_plan(msisdn).reports[-1].stat == "DELIVRD"

    def test_come_once_to_the_number_that_sent_and_after_the_delivery(self, rig):
        submit = make_submit(msisdn="33639980902", sender="36184")
        rig.carrier.submit(submit)
        rig.carrier.submit(submit)

        [(sender, receiver, text, carrier_id)] = self.replies(rig)
        assert (sender, receiver, text) == ("33639980902", "36184", "STOP")
        assert carrier_id
        assert [dlr.state for dlr in rig.wait_for_dlrs(2)] == ["enroute", "delivered"]
        wait_until(lambda: rig.log()["pending_replies"] == 0, reason="kept to be sent again")

    def test_of_one_that_changes_its_mind_follow_what_it_is_told(self):
        told = [
            "Hello",
            "You get no more messages from +336. Reply START to get them again.",
            "You get messages from +336 again. Reply STOP to end them.",
        ]

        assert [make_plan("33639980903", text=text).reply for text in told] == [
            "Stop!",
            "Start!",
            "",
        ]

    def test_come_once_of_a_long_text(self):
        replies = [make_plan("33639980901", part=part, parts=3).reply for part in (1, 2, 3)]

        assert replies == ["", "", "OK, thank you!"]

    def test_do_not_come_where_they_cannot(self, rig):
        rig.carrier.submit(make_submit(msisdn="33639980902", sender="Example"))
        with pytest.raises(Rejected):
            rig.carrier.submit(make_submit(msisdn="33639985902", sender="36184"))
        rig.carrier.submit(make_submit(msisdn="33639980004", sender="36184"))
        rig.carrier.submit(make_submit(msisdn="33639980901", sender="36185"))

        assert [receiver for _, receiver, *_ in self.replies(rig)] == ["36185"]

    def test_that_the_panel_could_not_take_are_sent_again_after_a_restart(self, rig):
        rig.hold_dlrs()
        rig.carrier.submit(make_submit(msisdn="33639980901", sender="36184"))
        wait_until(lambda: rig.receiver.refused >= 2, reason="nothing was tried")
        rig.stop()
        rig.release_dlrs()
        rig.start()

        assert [text for *_, text, _ in self.replies(rig)] == ["OK, thank you!"]

    def test_without_an_address_for_them_none_is_kept(self, tmp_path, rig):
        with SimulatedSmsc(
            host="127.0.0.1",
            port=0,
            state=tmp_path / "other.sqlite3",
            dlr_url=rig.receiver.url,
            secret=SECRET,
            pace=0,
        ) as smsc:
            carrier = Simulator(url=smsc.url, secret=SECRET)
            carrier.submit(make_submit(msisdn="33639980901", sender="36184"))
            rig.wait_for_dlrs(2)
            assert smsc.state.log(after=0, at_most=1)["pending_replies"] == 0

        assert rig.receiver.replies == []
