"""http2sms: who may send, from where, and for how much."""

from decimal import Decimal
from urllib.parse import urlencode

import pytest

from sms_accounts import api_users
from sms_accounts.models import AddressUse, Message, Rate, Submission
from tests.factories import make_account, make_api_user
from tests.http2sms_calls import CGI, ask, get, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_api_user(login="scripts")


class TestCredits:
    def test_whole_call_is_refused_where_a_part_could_be_paid(self, client):
        user = make_api_user(account=make_account(credits=1))

        assert ask(client, user, to="33639980004,33639980001") == (202, "Not enough credits")
        assert not Submission.objects.exists()

    def test_used_up_quota_has_its_own_words(self, client):
        user = make_api_user(quota=1)

        assert ask(client, user)[0] == 100
        assert ask(client, user) == (202, "Quota reached")
        assert Message.objects.count() == 1

    def test_price_is_parts_times_rate_times_receivers(self, client, user):
        Rate.objects.create(prefix="3363998", credits=Decimal("0.35"))

        response = get(client, user, message="x" * 161, to="33639980004,33639980001")

        assert response.content.split(b"\n")[1] == b"198.60"


class TestRestrictions:
    def test_address_outside_is_told_after_a_right_password(self, client):
        user = make_api_user(restrictions=["192.0.2.0/24"])

        assert ask(client, user) == (401, "Unauthorized IP 127.0.0.1")
        use = AddressUse.objects.get()
        assert (use.address, use.refusals, use.accepted_at) == ("127.0.0.1", 1, None)
        assert not Message.objects.exists()

    def test_address_outside_learns_nothing_with_a_wrong_password(self, client):
        user = make_api_user(restrictions=["192.0.2.0/24"])

        assert ask(client, user, password="Secret9999") == (202, "Invalid credentials")
        assert not AddressUse.objects.exists()

    @pytest.mark.parametrize("network", ["127.0.0.1/32", "127.0.0.0/8", "0.0.0.0/0"])
    def test_address_inside_may_send_and_is_noted(self, client, network):
        user = make_api_user(restrictions=["192.0.2.1/32", network])

        assert ask(client, user)[0] == 100
        assert AddressUse.objects.get().accepted_at is not None

    @pytest.mark.parametrize(
        ("address", "status"),
        [
            ("2001:db8::1", 100),
            ("2001:db9::1", 401),
            ("::ffff:192.0.2.9", 100),
            ("::ffff:192.0.3.9", 401),
        ],
    )
    def test_addresses_of_version_6_are_known(self, client, address, status):
        user = make_api_user(restrictions=["2001:db8::/32", "192.0.2.0/24"])

        response = client.get(f"{CGI}?{urlencode(words(user))}", REMOTE_ADDR=address)

        assert response.content.startswith(b"OK" if status == 100 else b"KO\nUnauthorized IP")


class TestClosedDoors:
    def test_disabled_user_gets_the_answer_of_a_wrong_password(self, client, user):
        api_users.set_enabled(user, False, by=None)

        assert ask(client, user) == (202, "Invalid credentials")

    def test_deleted_user_gets_the_answer_of_a_wrong_password(self, client, user):
        api_users.delete(user, by=None)

        assert ask(client, user) == (202, "Invalid credentials")

    def test_disabled_account_gets_the_answer_of_a_wrong_password(self, client, user):
        user.account.is_enabled = False
        user.account.save(update_fields=["is_enabled"])

        assert ask(client, user) == (202, "Invalid credentials")

    def test_user_disabled_between_password_and_debit_too(self, client, user, monkeypatch):
        monkeypatch.setattr(
            "sms_accounts.endpoints.http2sms.credentials.authenticate",
            lambda *_: (api_users.set_enabled(user, False, by=None), user)[1],
        )

        assert ask(client, user) == (202, "Invalid credentials")
        assert not Submission.objects.exists()

    def test_login_of_another_account_is_unknown_here(self, client, user):
        other = make_api_user(login="others")

        assert ask(client, user, login="others") == (202, "Invalid credentials")
        assert ask(client, other)[0] == 100

    @pytest.mark.parametrize("content_type", ["text/plain", "text/xml", "application/json"])
    def test_every_wrong_cause_has_the_same_bytes(self, client, user, content_type):
        disabled = make_api_user(account=user.account)
        api_users.set_enabled(disabled, False, by=None)

        answers = {
            get(client, user, contentType=content_type, **wrong).content
            for wrong in (
                {"account": "sms-nobody-1"},
                {"login": "nobody"},
                {"password": "Secret9999"},
                {"login": disabled.login},
            )
        }

        assert len(answers) == 1
