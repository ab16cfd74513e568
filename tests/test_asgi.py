"""The ASGI application: http2sms by memory where that is sure, by Django where it is not."""

import asyncio
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import DataError, OperationalError, connections

from panel.asgi import Application
from sms_accounts import address_uses, api_users, ledger, price_list, submission
from sms_accounts.endpoints import http2sms_at_once
from sms_accounts.endpoints.http2sms_answers import FORMATS
from sms_accounts.models import Account, AddressUse, Message, Sender, Submission
from tests.asgi_scopes import scope_of
from tests.factories import API_PASSWORD, MSISDN, SENDER, make_api_user

pytestmark = pytest.mark.django_db(transaction=True)


class Web:
    """The application with its event loop, called as a web server calls it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._runner = asyncio.Runner()
        self._application = Application()
        self.at_once = 0
        answer = http2sms_at_once.AtOnce.answer

        async def counted(*given, **named):
            response = await answer(*given, **named)
            self.at_once += response is not None
            return response

        monkeypatch.setattr(http2sms_at_once.AtOnce, "answer", counted)

    def call(
        self,
        query: bytes = b"",
        *,
        method: str = "GET",
        path: str = "/http2sms",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        is_cut: bool = False,
    ):
        """Return status, headers and content, or None where nothing was answered."""
        named = headers or {}
        if body:
            named = {
                "content-length": str(len(body)),
                "content-type": "application/x-www-form-urlencoded",
                **named,
            }
        scope = scope_of(path, method=method, query=query, headers=named)
        sent: list[dict[str, Any]] = []
        received = [{"type": "http.request", "body": body, "more_body": is_cut}]

        async def receive():
            if received:
                return received.pop(0)
            if not is_cut:
                # The client waits for its answer.
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        self._runner.run(self._application(scope, receive, send))
        if not sent:
            return None
        answered = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], answered, content.decode()

    def send(self, user, **parameters):
        return self.call(urlencode(words(user, **parameters)).encode())[2]

    def close(self) -> None:
        self._application._pages.executor.submit(connections.close_all).result()
        self._application._pages.executor.shutdown()
        submission._together._thread.submit(connections.close_all).result()
        self._runner.close()


def words(user, **parameters: str) -> dict[str, str]:
    return {
        "account": user.account.name,
        "login": user.login,
        "password": API_PASSWORD,
        "from": SENDER,
        "to": MSISDN,
        "message": "Hello",
        "noStop": "1",
        **parameters,
    }


@pytest.fixture
def web(monkeypatch) -> Iterator[Web]:
    served = Web(monkeypatch)
    yield served
    served.close()


@pytest.fixture
def user(web):
    """A user whose calls are judged by memory from now on."""
    known = make_api_user(quota=100)
    assert web.send(known).startswith("OK")
    assert web.at_once == 0
    return known


def noted(user) -> list[tuple[str, str]]:
    """From where and how calls came, as soon as that is stored."""
    address_uses._thread.submit(bool).result()
    uses = AddressUse.objects.filter(api_user=user, accepted_at__isnull=False)
    return list(uses.values_list("address", "method"))


def raising(problem: Exception):
    def fail(*_given: object) -> None:
        raise problem

    return fail


@contextmanager
def by_memory(web: Web, *, calls: int) -> Iterator[None]:
    before = web.at_once
    yield
    assert web.at_once - before == calls


class TestByMemory:
    def test_answers_as_django_does(self, web, user):
        by_django = web.call(urlencode(words(user, idempotencyKey="k")).encode())

        with by_memory(web, calls=1):
            at_once = web.call(urlencode(words(user)).encode())

        told = {"content-type", "cache-control", "content-language", "x-content-type-options"}
        assert at_once[0] == by_django[0] == 200
        assert {name: at_once[1][name] for name in told} == {
            name: by_django[1][name] for name in told
        }
        assert at_once[2].split("\n")[1] == "97.00"
        assert by_django[2].split("\n")[1] == "98.00"

    @pytest.mark.parametrize("content_type", FORMATS)
    def test_knows_every_format(self, web, user, content_type):
        with by_memory(web, calls=1):
            _status, named, text = web.call(
                urlencode(words(user, contentType=content_type)).encode()
            )

        assert named["content-type"] == f"{content_type}; charset=utf-8"
        assert str(Message.objects.latest("pk").pk) in text

    def test_takes_a_form(self, web, user):
        form = urlencode(words(user, message="Grüße")).encode()

        with by_memory(web, calls=1):
            _status, _headers, text = web.call(method="POST", body=form)

        assert text.startswith("OK")
        assert Submission.objects.latest("pk").text == "Grüße"

    def test_takes_http_basic(self, web, user):
        claimed = b64encode(f"{user.account.name}/{user.login}:{API_PASSWORD}".encode()).decode()
        rest = {k: v for k, v in words(user).items() if k in ("from", "to", "message", "noStop")}
        call = {"headers": {"authorization": f"Basic {claimed}"}}

        with by_memory(web, calls=1):
            assert web.call(urlencode(rest).encode(), **call)[2].startswith("OK")

    def test_notes_how_the_password_came(self, web, user):
        form = urlencode(words(user)).encode()

        with by_memory(web, calls=1):
            web.call(method="POST", body=form)

        assert noted(user) == [("127.0.0.1", AddressUse.Method.FORM)]

    def test_notes_at_the_next_call_what_could_not_be_stored(self, web, user, monkeypatch):
        address_uses.forget_all()
        AddressUse.objects.all().delete()
        with monkeypatch.context() as patch:
            patch.setattr(address_uses, "_store", raising(OperationalError("away")))
            assert web.send(user).startswith("OK")
            assert noted(user) == []

        web.send(user)

        assert noted(user) == [("127.0.0.1", AddressUse.Method.URL)]

    def test_notes_of_one_second_are_stored_together(self, web, user, monkeypatch):
        other = make_api_user(account=user.account)
        web.send(other)
        address_uses.forget_all()
        monkeypatch.setattr(address_uses, "GATHERING", timedelta(seconds=1))
        stored: list[Mapping[address_uses._Call, object]] = []
        monkeypatch.setattr(address_uses, "_store", stored.append)

        with by_memory(web, calls=2):
            web.send(user)
            web.send(other)

        address_uses._thread.submit(bool).result()
        assert [{call[0] for call in calls} for calls in stored] == [{user.pk, other.pk}]

    def test_notes_that_were_forgotten_are_not_stored_with_later_ones(self, web, user, monkeypatch):
        address_uses.forget_all()
        noted(user)
        AddressUse.objects.all().delete()
        monkeypatch.setattr(address_uses, "GATHERING", timedelta(seconds=1))
        with by_memory(web, calls=1):
            web.send(user)

        address_uses.forget_all()

        assert noted(user) == []

    def test_takes_raw_octets(self, web, user):
        query = urlencode(words(user)).encode().replace(b"Hello", "Grüße".encode())

        with by_memory(web, calls=1):
            assert web.call(query)[2].startswith("OK")

        assert Submission.objects.latest("pk").text == "Grüße"

    def test_says_that_the_quota_is_used_up(self, web, user):
        ledger.set_quota(user, Decimal(0), by=None)
        web.send(user)

        with by_memory(web, calls=1):
            assert web.send(user) == "KO\nQuota reached\n"

    def test_says_503_while_the_database_is_away(self, web, user, monkeypatch):
        def away(_priced):
            raise OperationalError

        monkeypatch.setattr(submission._together, "_store", away)

        status, named, text = web.call(urlencode(words(user)).encode())

        assert (status, named["retry-after"]) == (503, "10")
        assert text.startswith("KO")

    def test_says_500_where_the_program_is_at_fault_and_logs_it_as_we_log(
        self, web, user, monkeypatch, caplog
    ):
        """Not as the web server does, which writes down what a database quotes of a text."""

        def stumbles(_priced):
            raise DataError("value out of range")

        monkeypatch.setattr(submission._together, "_store", stumbles)

        status, _headers, text = web.call(urlencode(words(user)).encode())

        assert (status, text) == (500, "Server error\n")
        [record] = [each for each in caplog.records if each.name == "panel.asgi"]
        assert record.msg["event"] == "http2sms_failed"


WRONG = {
    "password": {"password": "Wrong12345"},
    "sender": {"from": "Another"},
    "receiver": {"to": "1"},
    "text": {"message": ""},
    "format": {"contentType": "text/csv"},
    "class": {"class": "9"},
    "time": {"deferred": "000001012020"},
    "tag": {"tag": "x" * 30},
}


class TestByDjango:
    @pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
    def test_refuses_whatever_is_wrong(self, web, user, changes):
        with by_memory(web, calls=0):
            assert web.send(user, **changes).startswith("KO")

    def test_answers_other_methods(self, web, user):
        assert web.call(method="PUT")[0] == 405
        assert web.call(method="HEAD")[0] == 405
        assert web.call(method="OPTIONS")[0] == 204

    def test_answers_pages(self, web):
        status, _headers, text = web.call(path="/healthz/")

        assert (status, text) == (200, "ok")

    def test_understands_a_raw_query(self, web):
        user = make_api_user()
        query = urlencode(words(user)).encode().replace(b"Hello", "Grüße".encode())

        assert web.call(query)[2].startswith("OK")

        assert Submission.objects.get().text == "Grüße"

    def test_sends_nothing_of_a_body_that_ends_early(self, web, user):
        form = urlencode(words(user)).encode()
        sent = Submission.objects.count()

        assert web.call(method="POST", body=form[:-3], is_cut=True) is None

        assert Submission.objects.count() == sent

    def test_keeps_a_key(self, web, user):
        with by_memory(web, calls=0):
            first = web.call(urlencode(words(user)).encode(), headers={"idempotency-key": "k"})
            again = web.call(urlencode(words(user)).encode(), headers={"idempotency-key": "k"})

        assert first[2] == again[2]


CHANGES = {
    "disabled": (
        lambda user: api_users.set_enabled(user, False, by=None),
        "KO\nInvalid credentials\n",
    ),
    "deleted": (lambda user: api_users.delete(user, by=None), "KO\nInvalid credentials\n"),
    "password": (
        lambda user: api_users.set_password(user, "Changed1234", by=None),
        "KO\nInvalid credentials\n",
    ),
    "account disabled": (
        lambda user: Account.objects.update(is_enabled=False),
        "KO\nInvalid credentials\n",
    ),
    "address": (
        lambda user: api_users.set_restrictions(user, ["192.0.2.1"], by=None),
        "KO\nUnauthorized IP 127.0.0.1\n",
    ),
    "sender": (
        lambda user: Sender.objects.update(status=Sender.Status.REFUSED),
        "KO\nSms sender Example does not exists\n",
    ),
}


class TestChangesMeanwhile:
    @pytest.mark.parametrize(("change", "answer"), CHANGES.values(), ids=CHANGES.keys())
    def test_count_at_the_next_call(self, web, user, change, answer):
        change(user)

        assert web.send(user) == answer

    def test_a_quota_that_is_switched_off_is_not_charged_any_more(self, web, user):
        ledger.set_quota(user, None, by=None)

        assert web.send(user).split("\n")[:2] == ["OK", "198.00"]

    def test_rates_are_asked_for_when_they_are_old(self, web, user):
        price_list.forget()

        with by_memory(web, calls=0):
            assert web.send(user).startswith("OK")
        with by_memory(web, calls=1):
            assert web.send(user).startswith("OK")

    def test_rates_that_grow_old_in_mid_call_are_asked_for_by_django(self, web, user, monkeypatch):
        price_list.forget()
        monkeypatch.setattr(price_list, "is_fresh", lambda: True)

        with by_memory(web, calls=0):
            assert web.send(user).startswith("OK")
