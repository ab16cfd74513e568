"""Where carriers send their DLRs."""

import json

import pytest
from django.db import OperationalError, connection
from django.test import Client

from sms_accounts.models import DlrPost

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
