"""How callbacks are signed: verified by the library of those who made the scheme."""

import base64
import json
from datetime import datetime, timedelta
from ipaddress import ip_network

import pytest
import time_machine
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from sms_accounts import callback_requests, callback_secrets, callbacks
from sms_accounts.models import Activity, ApiUser
from tests.factories import make_api_user, make_callback, make_message
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
def user(receiver) -> ApiUser:
    return make_api_user(callback=receiver.url + "?own=%2f+1&own=é&key=s3cret")


def called(user, receiver):
    """What the receiver gets of one callback."""
    make_callback(user.callback_url, api_user=user, message=make_message(user=user, tag="d'été"))
    callbacks.call_due()
    return receiver.requests[-1]


def verified(secret: str, request) -> bool:
    signed = request.body or request.query
    try:
        Webhook(secret).verify(signed, request.headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True


class TestSignature:
    def test_of_a_get_is_over_the_whole_query_string(self, user, receiver):
        secret = callback_secrets.renew(user, by=None)

        request = called(user, receiver)

        assert request.method == "GET"
        assert request.query.startswith("own=%2f+1&own=%C3%A9&key=s3cret&id=")
        assert verified(secret, request)

    def test_of_a_post_is_over_the_body(self, user, receiver):
        ApiUser.objects.filter(pk=user.pk).update(callback_method=ApiUser.CallbackMethod.POST)
        secret = callback_secrets.renew(user, by=None)

        request = called(user, receiver)

        assert request.method == "POST"
        assert json.loads(request.body)["tag"] == "d'été"
        assert verified(secret, request)

    @pytest.mark.parametrize("changed", ["Webhook-Id", "Webhook-Timestamp", "query"])
    def test_does_not_fit_once_anything_is_changed(self, user, receiver, changed):
        secret = callback_secrets.renew(user, by=None)
        request = called(user, receiver)

        if changed == "query":
            forged = type(request)(request.target + "0", request.headers)
        elif changed == "Webhook-Id":
            forged = type(request)(request.target, request.headers | {changed: "dlr_1_9"})
        else:
            soon = str(int(request.headers[changed]) + 1)
            forged = type(request)(request.target, request.headers | {changed: soon})

        assert verified(secret, request)
        assert not verified(secret, forged)

    def test_needs_a_secret(self, user, receiver):
        request = called(user, receiver)

        assert "Webhook-Signature" not in request.headers
        assert request.headers["Webhook-Id"].startswith("dlr_")

    def test_of_the_accounts_own_callback_is_none_of_a_users(self, user, receiver):
        callback_secrets.renew(user, by=None)
        make_callback(receiver.url, message=make_message(user=user))

        callbacks.call_due()

        assert "Webhook-Signature" not in receiver.requests[0].headers

    def test_is_new_at_each_attempt_for_the_same_event(self, user, receiver):
        secret = callback_secrets.renew(user, by=None)
        receiver.status = 500
        called(user, receiver)
        later = timezone.now() + timedelta(seconds=20)
        with time_machine.travel(later):
            callbacks.call_due()
            assert verified(secret, receiver.requests[1])

        first, second = (request.headers for request in receiver.requests)
        assert first["Webhook-Id"] == second["Webhook-Id"]
        assert int(second["Webhook-Timestamp"]) >= int(first["Webhook-Timestamp"]) + 19
        assert first["Webhook-Signature"] != second["Webhook-Signature"]

    def test_covers_the_sequence_number(self, user, receiver):
        message = make_message(user=user)
        make_callback(user.callback_url, message=message, api_user=user, sequence=1, ptt=3)
        make_callback(user.callback_url, message=message, api_user=user, sequence=2)

        callbacks.call_due()

        told = [
            (one.headers["Sms-Sequence"], one.headers["Webhook-Id"]) for one in receiver.requests
        ]
        assert told == [("1", f"dlr_{message.pk}_1"), ("2", f"dlr_{message.pk}_2")]


class TestSecret:
    def test_has_the_form_that_libraries_take(self, user):
        secret = callback_secrets.renew(user, by=None)

        assert secret.startswith("whsec_")
        assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32

    def test_and_the_one_before_are_both_valid_for_a_day(self, user, receiver):
        old = callback_secrets.renew(user, by=None)
        new = callback_secrets.renew(user, by=None)

        request = called(user, receiver)
        with time_machine.travel(timezone.now() + callback_secrets.OVERLAP + timedelta(seconds=1)):
            later = called(user, receiver)
            assert verified(new, later)
            assert not verified(old, later)

        assert verified(old, request)
        assert verified(new, request)
        assert request.headers["Webhook-Signature"].count("v1,") == 2

    def test_before_the_one_before_ends_at_once(self, user, receiver):
        oldest = callback_secrets.renew(user, by=None)
        old = callback_secrets.renew(user, by=None)
        new = callback_secrets.renew(user, by=None)

        request = called(user, receiver)

        assert [verified(each, request) for each in (oldest, old, new)] == [False, True, True]

    def test_can_be_ended(self, user, receiver):
        callback_secrets.renew(user, by=None)

        assert callback_secrets.end_all(user, by=None)
        assert not callback_secrets.end_all(user, by=None)

        assert "Webhook-Signature" not in called(user, receiver).headers

    def test_is_one_for_each_user(self, user, receiver):
        other = make_api_user(account=user.account, callback=receiver.url)
        secret = callback_secrets.renew(user, by=None)
        others = callback_secrets.renew(other, by=None)

        request = called(other, receiver)

        assert verified(others, request)
        assert not verified(secret, request)

    def test_is_in_no_table(self, user, receiver):
        secret = callback_secrets.renew(user, by=None).removeprefix("whsec_")
        called(user, receiver)
        raw = base64.b64decode(secret)

        for model in apps.get_models():
            stored = str(list(model._default_manager.values()))
            for form in (secret, raw.hex(), base64.urlsafe_b64encode(raw).decode().rstrip("=")):
                assert form not in stored, model

    def test_is_another_one_under_another_key_of_the_panel(self, user, settings):
        callback_secrets.renew(user, by=None)
        now = timezone.now()
        before = callback_secrets.valid_keys([user], now)

        settings.SECRET_KEY = "x" * 60

        assert callback_secrets.valid_keys([user], now) != before

    def test_leaves_a_trace_of_who_made_it(self, user):
        callback_secrets.renew(user, by=None)
        callback_secrets.renew(user, by=None)

        first, second = Activity.objects.filter(action="callback secret made").order_by("pk")
        assert first.after == {}
        assert list(second.after) == ["former secret signs until"]


class TestPost:
    def test_tells_the_values_of_the_query_and_more(self, user, receiver):
        ApiUser.objects.filter(pk=user.pk).update(callback_method=ApiUser.CallbackMethod.POST)
        message = make_message(user=user, tag="t1")
        now = timezone.now()
        message.events.create(state="enroute", ptt=3, at=now - timedelta(seconds=5))
        message.events.create(cause="a note", at=now - timedelta(seconds=4))
        message.events.create(state="delivered", ptt=4, at=now + timedelta(seconds=5))
        make_callback(user.callback_url, message=message, api_user=user, changed_at=now)

        callbacks.call_due()

        [request] = receiver.requests
        assert request.query == "own=%2f+1&own=%C3%A9&key=s3cret"
        assert request.headers["Content-Type"] == "application/json"
        told = json.loads(request.body)
        values = callback_requests.values(
            message_id=message.pk,
            state="delivered",
            ptt=4,
            changed_at=now,
            time_zone="UTC",
            tag="t1",
        )
        assert {name: told[name] for name, _value in values} == dict(values)
        assert told["msisdn"] == message.msisdn
        assert (told["sender"], told["parts"], told["credits"]) == ("Example", 1, "1.00")
        assert (told["sequence"], told["state"], told["submittedAt"]) == (1, "delivered", None)
        assert [(one["state"], one["ptt"]) for one in told["states"]] == [("enroute", 3)]
        assert datetime.fromisoformat(told["changedAt"]) == now.replace(
            microsecond=now.microsecond // 1000 * 1000
        )

    def test_of_many_asks_no_more_of_the_database(self, user, receiver):
        ApiUser.objects.filter(pk=user.pk).update(callback_method=ApiUser.CallbackMethod.POST)
        user.refresh_from_db()
        callback_secrets.renew(user, by=None)
        rows = [
            make_callback(user.callback_url, message=make_message(user=user), api_user=user)
            for _ in range(6)
        ]

        def queries(called) -> int:
            with CaptureQueriesContext(connection) as captured:
                callbacks._orders([called], callbacks._Keys())
            return len(captured)

        assert queries(rows[:1]) == queries(rows) == 2
