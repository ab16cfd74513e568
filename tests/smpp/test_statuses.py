"""Statuses: which are refusals, which ask for patience, and which blame the call."""

import pytest
from structlog.testing import capture_logs

from sms_accounts import codes
from sms_accounts.carriers.base import Rejected, TryLater
from sms_accounts.carriers.smpp import statuses
from tests.smpp.test_texts import options


class TestFailure:
    @pytest.mark.parametrize(
        ("status", "ptt"), [(0x0B, 23), (0x0A, 20), (0x01, 20), (0x45, 39), (0xFE, 5)]
    )
    def test_that_blames_the_message_is_final(self, status, ptt):
        refused = statuses.failure(status, options())

        assert isinstance(refused, Rejected)
        assert (refused.code, refused.ptt) == (statuses.NAMES[status], ptt)

    @pytest.mark.parametrize("status", [0x58, 0x14, 0x08, 0x64])
    def test_that_asks_for_patience_is_not(self, status):
        with capture_logs() as logs:
            assert isinstance(statuses.failure(status, options()), TryLater)

        assert logs == []

    @pytest.mark.parametrize("status", [0x02, 0x15, 0x43, 0x48, 0x62, 0xC1, 0xC4])
    def test_that_blames_the_call_loses_no_message_and_calls_for_staff(self, status):
        with capture_logs() as logs:
            later = statuses.failure(status, options())

        assert isinstance(later, TryLater)
        assert later.wait
        assert [line["log_level"] for line in logs] == ["error"]

    def test_of_no_standard_is_a_refusal_that_is_kept_and_logged(self):
        with capture_logs() as logs:
            refused = statuses.failure(0x0403, options())

        assert isinstance(refused, Rejected)
        assert (refused.code, refused.ptt) == ("0x00000403", 39)
        assert [line["status"] for line in logs] == ["0x00000403"]

    def test_means_what_staff_say_it_means(self):
        told = options(statuses={0x0403: "later", 0x0B: 76})

        assert isinstance(statuses.failure(0x0403, told), TryLater)
        refused = statuses.failure(0x0B, told)
        assert isinstance(refused, Rejected)
        assert refused.ptt == 76

    def test_of_every_kind_has_a_final_ptt(self):
        for ptt in statuses.REFUSALS.values():
            assert codes.PTTS[ptt].is_final
