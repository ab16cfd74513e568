"""A session bound to the scripted SMSC, as the contract of all carriers wants to handle it."""

from dataclasses import replace
from datetime import timedelta

from sms_accounts.carriers.base import short_reference
from sms_accounts.carriers.pacing import Brakes, Pace
from sms_accounts.carriers.smpp import statuses
from sms_accounts.carriers.smpp.carrier import Smpp
from sms_accounts.carriers.smpp.link import Timing
from sms_accounts.carriers.smpp.options import Options
from sms_accounts.carriers.smpp.session import Session
from tests.carriers.contract import Numbers
from tests.simulator_rig import wait_until
from tests.smpp.conduct import UNKNOWN_STATUS
from tests.smpp.smsc import PASSWORD, Smsc
from tests.smpp.test_receipts import deliver_sm

FAST = Timing(
    first_wait=timedelta(milliseconds=20),
    longest_wait=timedelta(milliseconds=100),
    patience=timedelta(milliseconds=300),
    unbind_within=timedelta(milliseconds=300),
    tick=timedelta(milliseconds=10),
)
SOFT = Brakes(
    first_pause=timedelta(milliseconds=5),
    longest_pause=timedelta(milliseconds=5),
    longest_space=timedelta(milliseconds=2),
)
# What answers may take: longer than on any busy machine, or as short as a test can wait for none.
AMPLE, BRIEF = timedelta(seconds=10), timedelta(milliseconds=150)


def options_for(port, **given):
    return Options(
        **{
            "name": "acme",
            "host": "127.0.0.1",
            "port": port,
            "system_id": "panel",
            "password": PASSWORD,
            "answer_within": AMPLE,
            **given,
        }
    )


class Box:
    """Keeps what comes in; can be told that it cannot just now."""

    def __init__(self):
        self.bodies: list[bytes] = []
        self.lates: list[tuple[str, object]] = []
        self.told: list[str] = []
        self.is_away = False

    def received(self, link, pdu):
        if self.is_away:
            link.answer(pdu, status=statuses.TRY_AGAIN)
            return
        self.bodies.append(pdu.encode())
        link.answer(pdu)

    def late(self, reference, answer):
        self.lates.append((reference, answer))

    def changed(self, *, is_bound, told):
        self.told.append(told)


def fast_session(options, box, *, timing=FAST, brakes=SOFT):
    pace = Pace(options.rate, brakes)
    session = Session(options, box, timing=timing, pace=pace)
    session.start()
    return session


class Remembering(Smpp):
    """Remembers the references that it handed over: 16 bits of them come back."""

    def __init__(self, options, session):
        super().__init__(options, session)
        self.references: dict[str, str] = {}

    def submit(self, submit):
        short = short_reference(submit.reference, submit.msisdn)
        self.references[short] = submit.reference
        return super().submit(submit)


class SmppRig:
    """The scripted SMSC, whose conduct follows from the number; and a panel that keeps all."""

    numbers = Numbers(
        delivered="33639980004",
        failed={"33639980024": 24, "33639980023": 23},
        rejected={"33639985023": 23, "33639985076": 76},
        busy_twice="33639986004",
        unanswered="33639987004",
        early="33639982004",
    )
    conduct = {
        "33639980004": "take_and_report",
        "33639980024": "fail",
        "33639980023": "fail",
        "33639985023": "refuse",
        "33639985076": "refuse_strangely",
        "33639986004": "throttle_twice",
        "33639987004": "take_silently_and_report",
        "33639982004": "report_first",
    }
    malformed = (b"", b"\0" * 16, b"id:1 stat:DELIVRD", deliver_sm(b"id:1"), deliver_sm()[:-1])

    def __init__(self):
        self.smsc = Smsc(lambda heard: self.conduct[heard.msisdn])
        options = options_for(
            self.smsc.port,
            err_codes={"024": 24, "023": 23},
            statuses={UNKNOWN_STATUS: 76},
            answer_within=timedelta(seconds=1),
        )
        self.box = Box()
        self.session = fast_session(options, self.box)
        strange = replace(options, password="wrong")
        self.strange_session = fast_session(strange, Box())
        self.carrier = Remembering(options, self.session)
        self.stranger = Smpp(strange, self.strange_session)
        self._wait_until_bound()

    def _wait_until_bound(self):
        wait_until(lambda: self.session.is_bound, reason="not bound")

    def start(self):
        self.smsc.start()
        self._wait_until_bound()

    def stop(self):
        self.smsc.stop()
        wait_until(lambda: not self.session.is_bound, reason="still bound")

    def close(self):
        self.session.stop()
        self.strange_session.stop()
        self.smsc.stop()

    def hold_dlrs(self):
        self.box.is_away = True

    def release_dlrs(self):
        self.box.is_away = False

    def arrived(self):
        dlrs = [dlr for body in list(self.box.bodies) for dlr in self.carrier.parse_dlrs(body, {})]
        return [
            replace(dlr, reference=self.carrier.references.get(dlr.reference or "")) for dlr in dlrs
        ]

    def wait_for_dlrs(self, count):
        wait_until(lambda: len(self.arrived()) >= count, reason=f"{count} DLRs expected")
        return self.arrived()

    def times_on_air(self, reference):
        return sum(
            1 for heard in self.smsc.heard if heard.carrier_id and heard.reference == reference[:4]
        )
