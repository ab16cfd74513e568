"""What every carrier must do, whatever it speaks; a test class per carrier inherits it.

`docs/carrier-modules.md` says what the fixture `rig` has to have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

import pytest

from sms_accounts.carriers.base import (
    MalformedDlr,
    OutcomeUnknown,
    Rejected,
    Submit,
    TryLater,
)


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Numbers of the counterpart that bring about each outcome; ptt codes where they matter."""

    delivered: str
    failed: Mapping[str, int]
    rejected: Mapping[str, int]
    busy_twice: str
    unanswered: str
    early: str


def make(msisdn, *, reference=None, part=1, parts=1):
    return Submit(
        reference=reference or str(uuid4()),
        msisdn=msisdn,
        sender="PANEL",
        text=f"Part {part} of {parts}",
        coding="gsm7",
        part=part,
        parts=parts,
        concat_reference=200,
    )


def assert_named(dlr, carrier_message_id):
    """A report has the id of the answer, where the carrier gave one."""
    assert not carrier_message_id or dlr.carrier_message_id == carrier_message_id


def final(dlrs, reference):
    return [dlr for dlr in dlrs if dlr.reference == reference and dlr.state != "enroute"]


class CarrierContract:
    """Needs a fixture `rig`: the carrier, its real counterpart, and a recorder of its DLRs."""

    def test_names_reason_and_ptt_of_a_refusal(self, rig):
        for msisdn, ptt in rig.numbers.rejected.items():
            with pytest.raises(Rejected) as refused:
                rig.carrier.submit(make(msisdn))

            assert refused.value.ptt == ptt
            assert refused.value.code

    def test_asks_to_try_later_then_takes_the_same_submit(self, rig):
        submit = make(rig.numbers.busy_twice)

        for _ in range(2):
            with pytest.raises(TryLater):
                rig.carrier.submit(submit)
            assert rig.times_on_air(submit.reference) == 0

        rig.carrier.submit(submit)
        assert rig.times_on_air(submit.reference) == 1

    def test_takes_what_was_put_off_under_a_new_reference_too(self, rig):
        for _ in range(2):
            with pytest.raises(TryLater):
                rig.carrier.submit(make(rig.numbers.busy_twice))

        submit = make(rig.numbers.busy_twice)
        rig.carrier.submit(submit)
        assert rig.times_on_air(submit.reference) == 1

    def test_asks_to_try_later_while_nobody_listens(self, rig):
        submit = make(rig.numbers.delivered)
        rig.carrier.submit(make(rig.numbers.delivered))
        rig.stop()

        with pytest.raises(TryLater):
            rig.carrier.submit(submit)

        rig.start()
        rig.carrier.submit(submit)
        assert rig.times_on_air(submit.reference) == 1

    def test_leaves_the_outcome_unknown_until_a_report_resolves_it(self, rig):
        submit = make(rig.numbers.unanswered)

        with pytest.raises(OutcomeUnknown):
            rig.carrier.submit(submit)

        dlr = final(rig.wait_for_dlrs(2), submit.reference)[0]
        assert dlr.state == "delivered"
        assert dlr.carrier_message_id
        assert rig.times_on_air(submit.reference) == 1

    def test_reports_by_reference_and_by_id(self, rig):
        submit = make(rig.numbers.delivered)

        carrier_message_id = rig.carrier.submit(submit)

        dlrs = rig.wait_for_dlrs(2)
        assert [dlr.state for dlr in dlrs] == ["enroute", "delivered"]
        assert [dlr.ptt for dlr in dlrs] == [3, 4]
        assert {dlr.reference for dlr in dlrs} == {submit.reference}
        for dlr in dlrs:
            assert_named(dlr, carrier_message_id)
        assert all(dlr.code for dlr in dlrs)
        assert all(dlr.at is None or dlr.at.tzinfo for dlr in dlrs)

    def test_reports_why_a_part_failed(self, rig):
        for count, (msisdn, ptt) in enumerate(rig.numbers.failed.items(), start=1):
            submit = make(msisdn)

            rig.carrier.submit(submit)

            dlr = final(rig.wait_for_dlrs(2 * count), submit.reference)[0]
            assert dlr.state in ("expired", "undeliverable", "rejected")
            assert dlr.ptt == ptt

    def test_reports_each_part_apart(self, rig):
        parts = [make(rig.numbers.delivered, part=part, parts=3) for part in (1, 2, 3)]

        ids = [rig.carrier.submit(part) for part in parts]

        dlrs = rig.wait_for_dlrs(6)
        assert len(set(filter(None, ids))) == len(list(filter(None, ids)))
        for part, carrier_message_id in zip(parts, ids, strict=True):
            (dlr,) = final(dlrs, part.reference)
            assert_named(dlr, carrier_message_id)

    def test_may_report_before_it_answers(self, rig):
        submit = make(rig.numbers.early)

        carrier_message_id = rig.carrier.submit(submit)

        (dlr,) = final(rig.arrived(), submit.reference)
        assert_named(dlr, carrier_message_id)

    def test_loses_no_report_while_the_panel_is_away_and_the_carrier_restarts(self, rig):
        rig.hold_dlrs()
        submit = make(rig.numbers.delivered)
        carrier_message_id = rig.carrier.submit(submit)
        rig.stop()
        rig.start()
        assert rig.arrived() == []

        rig.release_dlrs()

        (dlr,) = final(rig.wait_for_dlrs(2), submit.reference)
        assert_named(dlr, carrier_message_id)

    def test_takes_nothing_from_a_stranger(self, rig):
        submit = make(rig.numbers.delivered)

        with pytest.raises(TryLater):
            rig.stranger.submit(submit)

        assert rig.times_on_air(submit.reference) == 0

    def test_refuses_what_is_no_report(self, rig):
        for body in rig.malformed:
            with pytest.raises(MalformedDlr):
                rig.carrier.parse_dlrs(body, {})


class GivesIds:
    """For a carrier that answers with an id of its own."""

    def test_answers_with_an_id_for_each_part(self, rig):
        first = rig.carrier.submit(make(rig.numbers.delivered))
        second = rig.carrier.submit(make(rig.numbers.delivered))

        assert first
        assert second
        assert first != second


class KnowsReferences:
    """For a carrier that knows a part again by its reference."""

    def test_puts_a_repeated_reference_on_air_once(self, rig):
        submit = make(rig.numbers.delivered)

        assert rig.carrier.submit(submit) == rig.carrier.submit(submit)

        assert rig.times_on_air(submit.reference) == 1
        assert len(final(rig.wait_for_dlrs(2), submit.reference)) == 1

    def test_answers_a_repeated_reference_as_it_did_at_first(self, rig):
        for msisdn, ptt in rig.numbers.rejected.items():
            submit = make(msisdn)
            for _ in range(2):
                with pytest.raises(Rejected) as refused:
                    rig.carrier.submit(submit)
                assert refused.value.ptt == ptt
        unanswered = make(rig.numbers.unanswered)
        with pytest.raises(OutcomeUnknown):
            rig.carrier.submit(unanswered)

        assert rig.carrier.submit(unanswered)

        assert rig.times_on_air(unanswered.reference) == 1


class ReportsOverHttp:
    """For a carrier that calls our DLR address."""

    def test_lets_no_stranger_report(self, rig):
        rig.carrier.submit(make(rig.numbers.delivered))
        rig.wait_for_dlrs(2)
        headers, secret = rig.shown()

        assert rig.carrier.authorised(headers, secret)
        assert not rig.stranger.authorised(headers, secret)
        assert not rig.carrier.authorised({})
        assert not rig.carrier.authorised({"Authorization": "é"}, "é")
