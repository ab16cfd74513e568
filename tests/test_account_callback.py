"""The callback of an account itself: signed, posted, and called besides those of its users."""

import json
from ipaddress import ip_network

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from sms_accounts import (
    accounts,
    api_users,
    callback_endpoints,
    callback_secrets,
    callbacks,
    settling,
)
from sms_accounts.models import Activity, ApiUser, Callback, CallbackEndpoint, CallbackSecret, State
from tests.factories import make_account, make_api_user, make_message
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def trusted(settings):
    settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def account(receiver):
    account = make_account(name="sms-ab12345-1")
    accounts.set_callback(account, receiver.url, by=None)
    account.refresh_from_db()
    return account


def changed(user) -> None:
    """Let a message of a user change its state, and all that is due be called."""
    settling.give_back(make_message(user=user), at=timezone.now(), reason="for a test")
    callbacks.call_due()


def is_signed_by(secret: str, request) -> bool:
    try:
        Webhook(secret).verify(request.body or request.query, request.headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True


class TestCall:
    def test_is_made_besides_that_of_the_user(self, account, receiver):
        with Receiver() as own:
            user = make_api_user(account=account, callback=own.url)
            changed(user)

        [of_account], [of_user] = receiver.requests, own.requests
        assert of_account.values == of_user.values
        assert set(Callback.objects.values_list("api_user", flat=True)) == {None, user.pk}

    def test_is_one_where_both_have_the_same_url_and_is_the_users_then(self, account, receiver):
        user = make_api_user(account=account, callback=receiver.url)
        of_account = callback_secrets.renew(account, by=None)
        of_user = callback_secrets.renew(user, by=None)

        changed(user)

        [request] = receiver.requests
        assert is_signed_by(of_user, request)
        assert not is_signed_by(of_account, request)

    def test_is_signed_by_the_accounts_secret_alone(self, account, receiver):
        user = make_api_user(account=account)
        callback_secrets.renew(user, by=None)
        changed(user)
        assert "Webhook-Signature" not in receiver.requests[0].headers

        secret = callback_secrets.renew(account, by=None)
        changed(user)

        assert is_signed_by(secret, receiver.requests[1])

    def test_is_signed_by_the_former_secret_as_well_for_a_day(self, account, receiver):
        former = callback_secrets.renew(account, by=None)
        present = callback_secrets.renew(account, by=None)

        changed(make_api_user(account=account))

        [request] = receiver.requests
        assert is_signed_by(former, request)
        assert is_signed_by(present, request)

    def test_is_posted_where_that_is_chosen(self, account, receiver):
        accounts.set_callback(account, receiver.url, method="post", by=None)
        secret = callback_secrets.renew(account, by=None)

        changed(make_api_user(account=account))

        [request] = receiver.requests
        assert request.method == "POST"
        assert [each["state"] for each in json.loads(request.body)["states"]] == [State.REJECTED]
        assert is_signed_by(secret, request)


class TestSecret:
    def test_of_an_account_is_none_of_a_user_with_the_same_key(self, account):
        callback_secrets.renew(account, by=None)

        keys = callback_secrets.valid_keys([account, ApiUser(pk=account.pk)], timezone.now())

        assert list(keys) == [account]
        assert Activity.objects.get(action="callback secret made").api_user is None

    def test_is_of_an_account_or_of_a_user(self, account):
        user = make_api_user(account=account)
        for whose in ({}, {"account": account, "api_user": user}):
            with pytest.raises(IntegrityError), transaction.atomic():
                CallbackSecret.objects.create(seed="x", created_at=timezone.now(), **whose)


class TestNewUrl:
    @pytest.mark.parametrize("same", [True, False])
    def test_gets_what_waited_for_the_old_one_and_leaves_that_of_users_alone(
        self, account, receiver, same
    ):
        users = receiver.url if same else "https://user.example/"
        for user in (
            make_api_user(account=account, callback=users),
            make_api_user(account=account),
        ):
            settling.give_back(make_message(user=user), at=timezone.now(), reason="for a test")

        accounts.set_callback(account, "https://new.example/", by=None)

        told = set(Callback.objects.values_list("api_user__callback_url", "url"))
        assert told == {(None, "https://new.example/"), (users, users)}

    def test_that_is_a_users_too_hears_of_each_change_once(self, account):
        user = make_api_user(account=account, callback="https://user.example/")
        settling.give_back(make_message(user=user), at=timezone.now(), reason="for a test")

        accounts.set_callback(account, "https://user.example/", by=None)

        assert Callback.objects.open().get().api_user == user

    def test_of_a_user_that_had_the_same_leaves_what_waits_there_to_the_account(
        self, account, receiver
    ):
        user = make_api_user(account=account, callback=receiver.url)
        secret = callback_secrets.renew(account, by=None)
        settling.give_back(make_message(user=user), at=timezone.now(), reason="for a test")

        api_users.set_callback(user, "", by=None)
        callbacks.call_due()

        [request] = receiver.requests
        assert is_signed_by(secret, request)

    def test_is_recorded_with_what_was_before(self, account, receiver):
        accounts.set_callback(account, "", by=None)

        change = Activity.objects.filter(action="callback changed").latest("pk")
        assert (change.before, change.after) == ({"url": receiver.url}, {"url": ""})
        assert not accounts.set_callback(account, "", by=None)


def test_a_mail_says_that_the_callback_is_the_accounts_own(account, receiver):
    receiver.status = 410
    user = make_api_user(account=account)
    changed(user)

    assert callback_endpoints.tell_due() == 1
    assert "It is the callback of the account itself." in mail.outbox[0].body
    assert "API users:" not in mail.outbox[0].body
    assert CallbackEndpoint.objects.get().off_at

    api_users.set_callback(user, receiver.url, by=None)
    accounts.set_callback(account, "", by=None)
    changed(user)
    assert callback_endpoints.tell_due() == 1
    assert f"API users: {user.login}" in mail.outbox[1].body
    assert "the account itself" not in mail.outbox[1].body
