"""http2sms: who may send, from where, and for how much."""

from base64 import b64encode
from dataclasses import replace
from decimal import Decimal
from urllib.parse import urlencode

import pytest
import time_machine

from sms_accounts import api_users, callers, guesses
from sms_accounts.credentials import SignedIn
from sms_accounts.models import AddressUse, Message, Rate, Submission
from tests.factories import API_PASSWORD, MSISDN, make_account, make_api_user
from tests.http2sms_calls import CGI, FORM, ask, get, words

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
            lambda _claim: (
                api_users.set_enabled(user, False, by=None),
                SignedIn(callers.remember(user)),
            )[1],
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


class TestTryTheRestrictions:
    @pytest.fixture
    def user(self):
        user = make_api_user()
        api_users.set_restrictions(user, ["192.0.2.0/24"], observed=True, by=None)
        return user

    def test_refuses_nobody_and_counts_who_would_be(self, client, user):
        assert [ask(client, user)[0] for _ in range(3)] == [100, 100, 100]

        use = AddressUse.objects.get()
        assert (use.observations, use.refusals) == (3, 0)
        assert use.observed_at is not None
        assert use.accepted_at is not None

    def test_counts_nobody_from_inside(self, client, user):
        client.get(f"{CGI}?{urlencode(words(user))}", REMOTE_ADDR="192.0.2.9")

        assert AddressUse.objects.get().observations == 0

    def test_refuses_once_it_is_meant(self, client, user):
        api_users.set_restrictions(user, ["192.0.2.0/24"], observed=False, by=None)

        assert ask(client, user)[0] == 401
        assert AddressUse.objects.get().refusals == 1

    def test_is_nothing_without_restrictions(self, client, user):
        api_users.set_restrictions(user, [], observed=True, by=None)

        user.refresh_from_db()
        assert not user.restrictions_observed


class TestPasswordInUrl:
    @pytest.fixture
    def user(self):
        user = make_api_user()
        protect(user, refuses_url_passwords=True)
        return user

    def test_is_refused_where_the_holder_says_so(self, client, user):
        assert ask(client, user) == (
            202,
            "Invalid request: this user's password may not be in the URL. "
            "Send it in the body of a POST, or by HTTP Basic.",
        )
        assert not Submission.objects.exists()

    def test_is_refused_also_where_it_is_in_the_body_too(self, client, user):
        response = client.post(
            f"{CGI}?password={API_PASSWORD}", urlencode(words(user)), content_type=FORM
        )

        assert response.content.startswith(b"KO\nInvalid request")

    def test_that_is_wrong_gets_the_answer_of_a_wrong_one(self, client, user):
        assert ask(client, user, password="Secret9999") == (202, "Invalid credentials")

    def test_in_the_body_is_taken(self, client, user):
        response = client.post(CGI, urlencode(words(user)), content_type=FORM)

        assert response.content.startswith(b"OK")
        assert AddressUse.objects.get().method == "form"

    def test_by_basic_is_taken(self, client, user):
        given = words(user, account=None, login=None, password=None)
        name = f"{user.account.name}/{user.login}:{API_PASSWORD}"
        basic = {"Authorization": f"Basic {b64encode(name.encode()).decode()}"}

        response = client.get(f"{CGI}?{urlencode(given)}", headers=basic)

        assert response.content.startswith(b"OK")
        assert AddressUse.objects.get().method == "basic"


class TestLastUse:
    def test_tells_when_the_way_or_the_password_changed(self, client, user):
        ask(client, user)
        assert last_use(user) == ("url", False)

        api_users.set_password(user, "Another1234", keep_former=api_users.KeepFormer(None), by=None)
        ask(client, user)
        assert last_use(user) == ("url", True)

        client.post(CGI, urlencode(words(user, password="Another1234")), content_type=FORM)
        assert last_use(user) == ("form", False)

    def test_is_not_stored_again_within_a_minute(self, client, user):
        ask(client, user)
        first = AddressUse.objects.get().accepted_at

        ask(client, user)

        assert AddressUse.objects.get().accepted_at == first


def last_use(user):
    use = AddressUse.objects.get(api_user=user)
    return use.method, use.with_former_password


def protect(user, **changes):
    """Change some of a user's protection."""
    protection = replace(api_users.protection_of(user), **changes)
    api_users.set_protection(user, protection, by=None)


class TestCountries:
    @pytest.fixture
    def user(self):
        user = make_api_user()
        protect(user, countries=("FR", "BE"))
        return user

    @pytest.mark.parametrize("receiver", [MSISDN, "32470000000"])
    def test_that_are_named_are_sent_to(self, client, user, receiver):
        assert ask(client, user, to=receiver)[0] == 100

    @pytest.mark.parametrize("receiver", ["12025550123", "447400000000", "88213000000"])
    def test_that_are_not_named_are_refused(self, client, user, receiver):
        assert ask(client, user, to=receiver) == (
            202,
            f"Invalid receiver {receiver}: this user may not send to its country",
        )

    def test_take_out_some_of_several_receivers(self, client, user):
        response = get(client, user, to=f"12025550123,{MSISDN},1", contentType="application/json")

        assert response.json()["invalidReceivers"] == ["1", "12025550123"]
        assert Message.objects.get().msisdn == MSISDN


class TestTooManyTries:
    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("text/plain", b"KO\nToo many tries with wrong credentials, try again later\n"),
            (
                "application/json",
                b'{"status":429,"message":"Too many tries with wrong credentials, '
                b'try again later"}',
            ),
        ],
    )
    def test_is_told_in_the_asked_format(self, client, user, content_type, body):
        with time_machine.travel("2026-11-24 12:00:01Z", tick=False):
            answers = [
                get(client, user, password="Secret9999", contentType=content_type)
                for _ in range(guesses.OF_ADDRESS.most + 1)
            ]

        assert {answer.status_code for answer in answers[:-1]} == {200}
        assert (answers[-1].status_code, answers[-1].content) == (429, body)
        assert answers[-1].headers["Retry-After"] == "599"

    def test_is_never_for_addresses_that_are_refused(self, client):
        user = make_api_user(restrictions=["192.0.2.0/24"])

        answers = [ask(client, user)[0] for _ in range(guesses.OF_ADDRESS.most + 5)]

        assert set(answers) == {401}
