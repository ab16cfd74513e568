"""The two code tables that customers read."""

import pytest

from sms_accounts import codes
from sms_accounts.models import State

# ptt: is it final, and for how long it holds.
TABLE = {
    1: (False, "temporary"),
    2: (False, "temporary"),
    3: (False, ""),
    4: (True, ""),
    5: (True, "indeterminated"),
    6: (True, "indeterminated"),
    8: (True, "temporary"),
    20: (True, "permanent"),
    21: (True, "temporary"),
    23: (True, "permanent"),
    24: (True, "temporary"),
    25: (True, "temporary"),
    26: (True, "temporary"),
    27: (True, "permanent"),
    28: (True, "permanent"),
    29: (True, "permanent"),
    33: (True, "permanent"),
    39: (True, "indeterminated"),
    73: (True, "permanent"),
    74: (True, "temporary"),
    76: (True, "permanent"),
    202: (True, "permanent"),
}


class TestPtt:
    def test_codes_are_those_of_the_protocol_and_no_others(self):
        assert set(codes.PTTS) == set(TABLE)

    @pytest.mark.parametrize("ptt", TABLE)
    def test_says_whether_it_is_final_and_for_how_long(self, ptt):
        assert (codes.PTTS[ptt].is_final, codes.PTTS[ptt].duration) == TABLE[ptt]

    def test_descriptions_are_there_and_differ(self):
        descriptions = {ptt.description for ptt in codes.PTTS.values()}

        assert len(descriptions) == len(TABLE)
        assert all(descriptions)


class TestDlrId:
    @pytest.mark.parametrize(
        ("state", "ptt", "dlr_id"),
        [
            (State.SCHEDULED, None, 0),
            (State.QUEUED, None, 0),
            (State.SUBMITTING, None, 0),
            (State.ENROUTE, None, 8),
            (State.ENROUTE, 3, 8),
            (State.ENROUTE, 1, 4),
            (State.ENROUTE, 2, 4),
            (State.DELIVERED, 4, 1),
            (State.EXPIRED, 8, 2),
            (State.EXPIRED, 24, 2),
            (State.UNDELIVERABLE, 5, 2),
            (State.UNDELIVERABLE, 23, 2),
            (State.UNKNOWN, 6, 2),
            (State.REJECTED, 20, 16),
            (State.CANCELLED, None, 16),
        ],
    )
    def test_follows_from_the_state(self, state, ptt, dlr_id):
        assert codes.dlr_id(state, ptt) == dlr_id

    @pytest.mark.parametrize("state", State)
    def test_is_there_for_each_state_and_has_a_text(self, state):
        assert codes.DLR_TEXTS[codes.dlr_id(state, None)]

    def test_texts_are_there_for_all_six(self):
        assert set(codes.DLR_TEXTS) == {0, 1, 2, 4, 8, 16}
