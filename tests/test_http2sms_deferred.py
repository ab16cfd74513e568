"""http2sms: `deferred`, a moment to come in the time zone of the account."""

import pytest
import time_machine

from sms_accounts.models import Message, Submission, Wallet
from tests.factories import make_account, make_api_user
from tests.http2sms_calls import ask, get

pytestmark = pytest.mark.django_db

WRONG_TIMES = {
    "too short": "12502511203",
    "too long": "1250251120300",
    "letters": "12h025112030",
    "digits of another script": "١٢٥٠٢٥١١٢٠٣٠",
    "hour 24": "240025112030",
    "minute 60": "126025112030",
    "day 0": "125000112030",
    "day 31 of November": "125031112030",
    "29 February of an ordinary year": "125029022030",
    "month 13": "125001132030",
    "year 0": "125025110000",
    "last minute of all": "235931129999",
    "past": "115924112026",
    "now": "120024112026",
    "in the hour that is left out in spring": "023028032027",
}


class TestDeferred:
    @pytest.fixture(autouse=True)
    def stopped_clock(self):
        with time_machine.travel("2026-11-24 12:00:00+01:00", tick=False):
            yield

    @pytest.fixture
    def user(self):
        return make_api_user(account=make_account(time_zone="Europe/Paris"))

    @pytest.mark.parametrize(
        ("given", "moment"),
        [
            ("125025112030", "2030-11-25T11:50:00+00:00"),
            ("125025072030", "2030-07-25T10:50:00+00:00"),
            ("120124112026", "2026-11-24T11:01:00+00:00"),
            ("235929022028", "2028-02-29T22:59:00+00:00"),
            # In autumn this hour comes twice: the first one, still in summer time.
            ("023031102027", "2027-10-31T00:30:00+00:00"),
        ],
    )
    def test_is_a_moment_in_the_time_zone_of_the_account(self, client, user, given, moment):
        assert ask(client, user, deferred=given)[0] == 100

        message = Message.objects.select_related("submission").get()
        assert message.state == "scheduled"
        assert message.due_at.isoformat() == moment
        assert message.submission.scheduled_at == message.due_at

    @pytest.mark.parametrize("given", WRONG_TIMES.values(), ids=WRONG_TIMES.keys())
    def test_is_refused_where_it_is_no_moment_to_come(self, client, user, given):
        response = get(client, user, deferred=given)

        assert response.content == b"KO\nInvalid deferred time\n"
        assert not Submission.objects.exists()

    def test_tells_what_it_should_be_where_there_is_room(self, client, user):
        assert ask(client, user, deferred="tomorrow")[1].startswith(
            "Invalid deferred time. It should be a moment to come in the account's time zone, as "
            "hhmmddMMYYYY"
        )

    def test_is_paid_at_once(self, client, user):
        ask(client, user, deferred="125025112030")

        assert Wallet.objects.get(pk=user.wallet_id).credits == 199

    def test_left_empty_sends_now(self, client, user):
        ask(client, user, deferred="")

        assert Message.objects.get().state == "queued"
