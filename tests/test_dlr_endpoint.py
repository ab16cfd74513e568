"""Where carriers send their DLRs."""

import json

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from sms_accounts import reports
from sms_accounts.models import Attempt, DlrPost, HttpCarrier, State
from tests.factories import make_http_carrier, make_message

pytestmark = pytest.mark.django_db

URL = "/dlr/simulator/"
SECRET = "carrier-secret"
BODY = json.dumps([{"ref": "a", "id": "b", "stat": "DELIVRD", "err": "000"}]).encode()


@pytest.fixture(autouse=True)
def secret(settings):
    settings.SIMULATOR_SECRET = SECRET


def post(body=BODY, *, url=URL, authorization=f"Bearer {SECRET}", **extra):
    headers = {"Authorization": authorization} if authorization is not None else None
    # A carrier has no form of ours to copy a token from.
    client = Client(enforce_csrf_checks=True)
    return client.generic(
        "POST", url, body, content_type="application/json", headers=headers, **extra
    )


class TestPost:
    def test_is_stored_as_it_came(self):
        response = post()

        assert (response.status_code, response.content) == (200, b"OK")
        stored = DlrPost.objects.get()
        assert bytes(stored.body) == BODY
        assert stored.content_type == "application/json"
        assert stored.carrier == "simulator"
        assert stored.read_at is None

    @pytest.mark.parametrize("body", [b"", b"not json", b"\xff\x00\xfe", b"[" * 10_000])
    def test_is_stored_before_anybody_understands_it(self, body):
        assert post(body).status_code == 200
        assert bytes(DlrPost.objects.get().body) == body

    def test_rings_a_worker_after_it_was_stored(self, monkeypatch):
        stored_when_rung = []
        monkeypatch.setattr(
            "sms_accounts.endpoints.dlr.dlr_bell.ring",
            lambda: stored_when_rung.append(DlrPost.objects.count()),
        )

        post()

        assert stored_when_rung == [1]

    @pytest.mark.parametrize(
        "authorization",
        [None, "", "Bearer", "Bearer wrong", SECRET, f"Bearer {SECRET}x", "Bearer é"],
    )
    def test_of_somebody_else_is_refused(self, authorization):
        assert post(authorization=authorization).status_code == 403
        assert not DlrPost.objects.exists()

    def test_is_refused_where_no_secret_is_set(self, settings):
        settings.SIMULATOR_SECRET = ""

        assert post(authorization="Bearer ").status_code == 403

    def test_of_an_unknown_carrier_is_not_found(self):
        assert post(url="/dlr/nobody/").status_code == 404

    def test_above_the_cap_is_refused(self, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

        assert post(b"x" * 101).status_code == 413
        assert not DlrPost.objects.exists()

    def test_is_to_be_repeated_when_the_database_is_away(self, monkeypatch):
        def away(*_args: object, **_kwargs: object) -> None:
            raise OperationalError("connection refused")

        with monkeypatch.context() as patched:
            patched.setattr(connection, "cursor", away)
            response = post()

        assert response.status_code == 503
        assert response.headers["Retry-After"] == "10"

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
    def test_is_the_only_method(self, client, method):
        response = client.generic(method, URL)

        assert response.status_code == 405
        assert response.headers["Allow"] == "POST"


class TestSecretUrl:
    """Where a carrier reports that has nothing but a URL."""

    URL = "/dlr/gateway/dlr-secret/"
    QUERY = "ref=abc&d=1&id=7&answer=stat%3aDELIVRD&at=1774751460"

    @pytest.fixture(autouse=True)
    def carrier(self):
        return make_http_carrier()

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_takes_what_comes_as_it_came(self, client, method):
        response = client.generic(
            method, f"{self.URL}?{self.QUERY}", b"a=b", content_type="text/odd"
        )

        assert (response.status_code, response.content) == (200, b"OK")
        stored = DlrPost.objects.get()
        assert (stored.carrier, stored.query) == ("gateway", self.QUERY)
        assert bytes(stored.body) == b"a=b"
        assert "dlr-secret" not in stored.query

    def test_does_without_the_last_slash(self, client):
        assert client.get(f"{self.URL.rstrip('/')}?{self.QUERY}").status_code == 200
        assert DlrPost.objects.get().query == self.QUERY

    def test_moves_the_message_on(self, client):
        message = make_message()
        attempt = Attempt.objects.create(
            message=message, part=1, carrier="gateway", reference="abc", started_at=timezone.now()
        )
        message.advance(State.SUBMITTING, since=timezone.now())

        client.get(f"{self.URL}?{self.QUERY}")
        reports.record_dlrs()

        attempt.refresh_from_db()
        assert (attempt.state, attempt.carrier_message_id) == ("delivered", "7")

    @pytest.mark.parametrize("query", ["", "ref=nobody&d=1", "?ref=abc?d=1", "%ff&%00"])
    def test_says_ok_to_what_nobody_understands(self, client, query):
        assert client.get(f"{self.URL}?{query}").status_code == 200

        reports.record_dlrs()
        assert DlrPost.objects.get().read_at is not None

    def test_answers_as_the_carrier_wants_it(self, client):
        HttpCarrier.objects.update(kind="generic", dlr_answer="ACK/Jasmin")

        assert client.get(f"{self.URL}?{self.QUERY}").content == b"ACK/Jasmin"

    @pytest.mark.parametrize("secret", ["wrong", "dlr-secretx", "-"])
    def test_lets_nobody_else_report(self, client, secret):
        assert client.get(f"/dlr/gateway/{secret}/?{self.QUERY}").status_code == 403
        assert not DlrPost.objects.exists()

    @pytest.mark.parametrize("sealed", ["", "unreadable"])
    def test_lets_nobody_report_where_the_secret_is_not_known(self, client, sealed):
        HttpCarrier.objects.update(dlr_secret_sealed=sealed)

        assert client.get(f"{self.URL}?{self.QUERY}").status_code == 403
        assert client.post("/dlr/gateway/", b"x", "text/plain").status_code == 403

    def test_is_for_carriers_that_have_one_alone(self, client):
        assert client.post(f"/dlr/simulator/{SECRET}/", BODY, "text/plain").status_code == 403
        assert post(url="/dlr/gateway/").status_code == 403
        assert client.get("/dlr/nobody/dlr-secret/").status_code == 404

    @pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE"])
    def test_takes_no_other_method(self, client, method):
        assert client.generic(method, self.URL).status_code == 405
