"""http2sms: ways to call it, what an accepted call does, and what it costs."""

import base64
import json
import logging
from io import BytesIO
from urllib.parse import quote_plus, urlencode

import pytest
from django.contrib.auth import hashers
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from sms_accounts import books, credentials
from sms_accounts.endpoints.http2sms import http2sms
from sms_accounts.models import Message, Submission
from tests.factories import API_PASSWORD, MSISDN, make_api_user
from tests.http2sms_calls import CGI, FORM, TEXT, ask, get, status_and_message, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_api_user(login="scripts")


class TestAcceptedCall:
    @pytest.mark.parametrize("path", [CGI, "/http2sms"])
    def test_is_stored_paid_and_answered(self, client, user, path):
        response = get(client, user, path=path)

        message = Message.objects.select_related("submission").get()
        assert response.status_code == 200
        assert response.content.decode() == f"OK\n199.00\n{message.pk}"
        assert message.msisdn == MSISDN
        assert message.state == "queued"
        assert message.submission.text == TEXT
        assert message.submission.api_user == user
        assert message.submission.address == "127.0.0.1"
        assert message.submission.channel == Submission.Channel.HTTP2SMS

    def test_tells_what_a_user_with_quota_can_still_spend(self, client):
        user = make_api_user(quota=150)

        response = get(client, user, contentType="text/json")

        assert json.loads(response.content)["creditLeft"] == "149.00"

    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain",
            "text/html",
            "text/xml",
            "application/xml",
            "text/json",
            "application/json",
        ],
    )
    def test_has_the_asked_type_and_is_for_nobody_else(self, client, user, content_type):
        response = get(client, user, contentType=content_type)

        assert response.headers["Content-Type"] == f"{content_type}; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert not response.cookies
        assert str(Message.objects.get().pk) in response.content.decode()

    def test_is_plain_text_where_nothing_was_asked(self, client, user):
        assert get(client, user).headers["Content-Type"] == "text/plain; charset=utf-8"

    def test_speaks_english_whatever_the_caller_prefers(self, client, user):
        response = get(client, user, message=None, headers={"Accept-Language": "fr"})

        assert response.content == b"KO\nMissing message\n"
        assert response.headers["Content-Language"] == "en"

    def test_lists_ids_in_the_order_of_the_receivers(self, client, user):
        get(client, user, to="33639980004,33639980001,33639980008")

        assert list(Message.objects.order_by("pk").values_list("msisdn", flat=True)) == [
            "33639980004",
            "33639980001",
            "33639980008",
        ]

    def test_sends_once_to_a_receiver_named_twice(self, client, user):
        response = get(client, user, to="0033639980004,33639980004,+33 6 39 98 00 04")

        assert Message.objects.count() == 1
        assert response.content.decode() == f"OK\n199.00\n{Message.objects.get().pk}"

    def test_names_the_receivers_that_are_none(self, client, user):
        response = get(client, user, to=f"123,{MSISDN},0612345678", contentType="text/json")

        answer = json.loads(response.content)
        assert answer["status"] == 100
        assert answer["smsIds"] == answer["SmsIds"] == [str(Message.objects.get().pk)]
        assert answer["invalidReceivers"] == ["123", "0612345678"]

    def test_needs_nothing_when_the_broker_is_away(self, client, user, settings):
        settings.CELERY_BROKER_URL = "redis+socket:///nowhere"

        assert get(client, user).content.startswith(b"OK")


class TestWays:
    def test_post_with_a_form(self, client, user):
        response = client.post(CGI, urlencode(words(user)), content_type=FORM)

        assert response.content.startswith(b"OK")

    def test_post_with_a_form_and_its_charset(self, client, user):
        response = client.post(
            CGI, urlencode(words(user)), content_type=f"{FORM}; charset=ISO-8859-1"
        )

        assert response.content.startswith(b"OK")

    def test_post_with_everything_in_the_query(self, client, user):
        assert client.post(
            f"{CGI}?{urlencode(words(user))}", b"", content_type=FORM
        ).content.startswith(b"OK")

    def test_post_split_between_query_and_body(self, client, user):
        given = list(words(user).items())

        response = client.post(
            f"{CGI}?{urlencode(given[:3])}", urlencode(given[3:]), content_type=FORM
        )

        assert response.content.startswith(b"OK")

    def test_post_is_exempt_from_the_check_for_forged_forms(self, user):
        strict = Client(enforce_csrf_checks=True)

        response = strict.post(CGI, urlencode(words(user)), content_type=FORM)

        assert response.content.startswith(b"OK")

    def test_post_as_php_sends_an_array(self, client, user):
        message = "Déjà à 8 €".encode("latin-1", "replace").replace(b"?", b"")
        given = words(user, message=None, contentType="application/json")

        response = client.post(CGI, given | {"message": BytesIO(message)})
        parts = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
            + (value if isinstance(value, bytes) else value.encode())
            for name, value in (given | {"MESSAGE": message}).items()
        ]
        body = b"\r\n".join([*parts, b"--x--\r\n"])
        plain = client.post(CGI, body, content_type="multipart/form-data; boundary=x")

        # What comes as a file is no parameter.
        assert response.json()["message"].startswith("Missing message")
        assert plain.json()["status"] == 100
        assert Submission.objects.get().text == "Déjà à 8 "

    @pytest.mark.parametrize("length", ["9" * 9, "x", "-1"])
    def test_multipart_is_judged_by_its_length_first(self, client, user, length):
        response = client.post(
            CGI,
            b"--x--",
            content_type="multipart/form-data; boundary=x",
            CONTENT_LENGTH=length,
        )

        assert response.content.startswith(b"KO\nInvalid request: the body is longer than")

    @pytest.mark.parametrize("broken", [b"", b"--x", b"--x\r\n\r\n", b"\xff" * 100])
    def test_broken_multipart_has_no_parameters(self, client, user, broken):
        response = client.post(CGI, broken, content_type="multipart/form-data; boundary=x")

        assert response.content.startswith((b"KO\nMissing account", b"KO\nInvalid request"))

    def test_multipart_with_very_many_fields_is_told_so(self, client, user):
        response = client.post(CGI, {f"a{number}": "b" for number in range(1000)})

        assert response.content == b"KO\nInvalid request: its body is no multipart form\n"

    @pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
    def test_post_of_another_type_is_told_so(self, client, user, content_type):
        response = client.post(CGI, urlencode(words(user)), content_type=content_type)

        assert response.status_code == 200
        assert response.content.startswith(b"KO\nInvalid Content-Type of the request")
        assert not Message.objects.exists()

    def test_a_body_above_the_cap_is_told_so_in_the_asked_format(self, client, user):
        body = urlencode(words(user)) + "&message=" + "x" * 1024 * 1024

        response = client.post(f"{CGI}?contentType=text/json", body, content_type=FORM)

        assert response.status_code == 200
        assert status_and_message(response) == (
            202,
            "Invalid request: the body is longer than 1048576 bytes",
        )

    def test_a_body_without_its_length_is_told_so(self, user):
        request = RequestFactory().post(
            CGI, urlencode(words(user)), content_type=FORM, headers={"Transfer-Encoding": "chunked"}
        )
        del request.META["CONTENT_LENGTH"]

        assert http2sms(request).content == (
            b"KO\nInvalid request: its body came without Content-Length\n"
        )

    def test_a_body_of_a_get_is_not_read(self, client, user):
        response = client.generic("GET", CGI, urlencode(words(user)), content_type=FORM)

        assert response.content == b"KO\nMissing account\n"

    def test_basic_credentials_stay_out_of_the_url(self, client, user):
        name = f"{user.account.name}/{user.login}:{API_PASSWORD}"
        headers = {"Authorization": "Basic " + base64.b64encode(name.encode()).decode()}

        response = get(client, user, headers=headers, account=None, login=None, password=None)

        assert response.content.startswith(b"OK")

    @pytest.mark.parametrize("header", ["Basic", "Basic %%%", "Basic YWJj", "Bearer abc"])
    def test_another_authorization_header_is_not_ours(self, client, user, header):
        response = get(client, user, headers={"Authorization": header})

        assert response.content.startswith(b"OK")

    def test_basic_credentials_of_somebody_else_contradict(self, client, user):
        header = "Basic " + base64.b64encode(b"sms-ab12345-1/other:Secret9999").decode()

        response = get(client, user, headers={"Authorization": header})

        assert response.content == b"KO\nInvalid account: it came twice with different values\n"

    def test_head_sends_nothing_and_does_not_look_like_success(self, client, user):
        response = client.head(f"{CGI}?{urlencode(words(user))}")

        assert response.status_code == 405
        assert response.headers["Allow"] == "GET, POST, OPTIONS"
        assert not Message.objects.exists()

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
    def test_another_method_is_told_which_ones_there_are(self, client, user, method):
        response = client.generic(method, f"{CGI}?{urlencode(words(user))}")

        assert response.status_code == 405
        assert response.headers["Allow"] == "GET, POST, OPTIONS"
        assert response.content == b"Nothing was sent: use GET or POST.\n"
        assert not Message.objects.exists()

    def test_options_tells_the_methods(self, client):
        response = client.options(CGI)

        assert response.status_code == 204
        assert response.headers["Allow"] == "GET, POST, OPTIONS"
        assert response.content == b""

    @pytest.mark.parametrize("path", [f"{CGI}/", "/http2sms/"])
    def test_a_slash_too_many_is_never_redirected(self, client, user, path):
        assert get(client, user, path=path).status_code == 404


class TestDatabaseAway:
    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("text/plain", b"KO\nNot available at the moment, try again later\n"),
            (
                "application/json",
                b'{"status":503,"message":"Not available at the moment, try again later"}',
            ),
        ],
    )
    def test_is_told_in_the_asked_format(self, client, user, monkeypatch, content_type, body):
        def away(*_args: object, **_kwargs: object) -> None:
            raise OperationalError("connection refused")

        query = urlencode(words(user, contentType=content_type))
        with monkeypatch.context() as patched:
            patched.setattr(connection, "cursor", away)
            response = client.get(f"{CGI}?{query}")

        assert response.status_code == 503
        assert response.headers["Retry-After"] == "10"
        assert response.headers["Content-Type"] == f"{content_type}; charset=utf-8"
        assert response.content == body


class TestLog:
    def line(self, caplog):
        [record] = [r for r in caplog.records if r.name == "sms_accounts.endpoints.http2sms_log"]
        return record.msg

    def test_has_one_line_a_call_without_secrets(self, client, user, caplog):
        caplog.set_level(logging.DEBUG)

        get(client, user, to=f"{MSISDN},33639980001", tag="canary-tag")

        line = self.line(caplog)
        assert line["event"] == "http2sms"
        assert line["user"] == f"{user.account.name}/scripts"
        assert line["address"] == "127.0.0.1"
        assert line["status"] == 100
        assert line["receivers"] == 2
        assert API_PASSWORD not in caplog.text
        assert MSISDN not in str(line)
        assert TEXT not in caplog.text
        assert "canary" not in str(line)

    def test_keeps_to_itself_what_came_with_a_wrong_password(self, client, user, caplog):
        smuggled = quote_plus(f"sms-ab1-1&login=bob&password={API_PASSWORD}")

        client.get(f"{CGI}?account={smuggled}&login={smuggled}")
        get(client, user, login=API_PASSWORD)

        assert API_PASSWORD not in caplog.text

    @pytest.mark.parametrize("wrong", [{"password": "Canary9999"}, {"pasword": "Canary9999"}])
    def test_never_holds_a_wrong_password(self, client, user, caplog, wrong):
        caplog.set_level(logging.DEBUG)

        get(client, user, **wrong)

        assert "Canary9999" not in caplog.text


class TestCost:
    def test_slow_hash_is_reached_once_for_many_calls(self, client, user, monkeypatch):
        checked: list[str] = []

        def counted(password: str, encoded: str) -> bool:
            checked.append(encoded)
            return hashers.check_password(password, encoded)

        monkeypatch.setattr(credentials, "check_password", counted)

        for _ in range(5):
            assert ask(client, user)[0] == 100

        assert len(checked) == 1

    def test_queries_do_not_grow_with_the_receivers(self, client, user):
        # The first call alone computes the slow hash and notes the address.
        ask(client, user)

        counts = []
        for most in (1, 50):
            receivers = ",".join(str(33639980000 + number) for number in range(most))
            with CaptureQueriesContext(connection) as queries:
                assert ask(client, user, to=receivers)[0] == 100
            counts.append(len(queries))

        assert counts[0] == counts[1]

    def test_wallet_is_what_the_answer_says(self, client, user):
        get(client, user)

        user.wallet.refresh_from_db()
        assert user.wallet.credits == 199
        assert books.wrong_books() == []
