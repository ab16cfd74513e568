"""The staff's pages of carriers over HTTP: setting one up, and trying it."""

import re
import threading
from datetime import timedelta

import pytest
from django.db import connection

from sms_accounts import carrier_accounts, http_trials, reports, sealing
from sms_accounts.models import HttpCarrier
from tests.admin.rows import make_clerk, text_of, url
from tests.admin.test_smpp_carriers import MESSAGE, form_of
from tests.carriers import rigs
from tests.carriers.upstream import PASSWORD
from tests.factories import make_http_carrier, make_smpp_carrier
from tests.pages.checks import check_page
from tests.simulator_rig import unused_port

pytestmark = pytest.mark.django_db

Kind = HttpCarrier.Kind
TYPED = {
    Kind.KANNEL: {"url": "http://10.0.0.7:13013/cgi-bin/sendsms", "password": "s3cret"},
    Kind.HTTP2SMS: {
        "url": "https://sms.example.com/http2sms",
        "account": "sms-ab12345-1",
        "password": "s3cret",
    },
    Kind.GENERIC: {"url": "https://api.example.com/send"},
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(http_trials, "REPORT_WITHIN", timedelta(milliseconds=300))


def add(browser, kind, **more):
    fields = form_of(browser, url(HttpCarrier, "add"))
    typed = {"name": "gateway", "kind": kind, "username": "panel", **TYPED[kind], **more}
    return browser.post(url(HttpCarrier, "add"), {**fields, **typed}, follow=True)


class TestSettingUp:
    @pytest.mark.parametrize("kind", list(Kind))
    def test_goes_on_with_what_the_kind_needs(self, browser, kind):
        page = add(browser, kind)

        row = HttpCarrier.objects.get()
        assert page.redirect_chain[-1][0] == url(HttpCarrier, "change", row.pk)
        check_page(page.content.decode())
        assert ("answer_codes" in page.content.decode()) == (kind == Kind.GENERIC)
        assert row.takes_long_texts == (kind != Kind.KANNEL)
        secret = carrier_accounts.http_options_of(row).dlr_secret
        assert len(secret) == 32
        assert f"/dlr/gateway/{secret}/" in text_of(page)

    def test_never_shows_the_password_again_and_keeps_it(self, browser):
        row = make_http_carrier(password="s3cret")
        page = url(HttpCarrier, "change", row.pk)

        shown = browser.get(page).content.decode()
        browser.post(page, {**form_of(browser, page), "window": 20})

        assert "s3cret" not in shown
        assert row.password_sealed not in shown
        row.refresh_from_db()
        assert row.window == 20
        assert sealing.unseal(row.password_sealed) == "s3cret"
        assert sealing.unseal(row.dlr_secret_sealed) == "dlr-secret"

    def test_gives_a_new_address_on_demand(self, browser):
        row = make_http_carrier()
        page = url(HttpCarrier, "change", row.pk)

        fields = {**form_of(browser, page), "new_secret": "on", "_continue": "1"}
        saved = browser.post(page, fields, follow=True)

        row.refresh_from_db()
        secret = sealing.unseal(row.dlr_secret_sealed)
        assert secret != "dlr-secret"
        for endpoint in ("dlr", "received"):
            assert f"/{endpoint}/gateway/{secret}/" in text_of(saved)

    def test_shows_the_secret_of_the_addresses_once(self, browser):
        page = add(browser, Kind.GENERIC)
        row = HttpCarrier.objects.get()
        secret = carrier_accounts.http_options_of(row).dlr_secret
        assert secret in text_of(page)

        again = text_of(browser.get(url(HttpCarrier, "change", row.pk)))

        assert secret not in again
        assert "/dlr/gateway/…/" in again
        assert "/received/gateway/…/" in again

    @pytest.mark.parametrize(
        ("kind", "wrong", "told"),
        [
            (Kind.KANNEL, {"name": "simulator"}, "not 'simulator'"),
            (Kind.KANNEL, {"password": ""}, "Type in the password"),
            (Kind.KANNEL, {"url": "ftp://10.0.0.7/"}, "must start with http://"),
            (Kind.KANNEL, {"url": "http://me:pw@10.0.0.7/"}, "no user name and no password"),
            (Kind.HTTP2SMS, {"account": ""}, "Type in the account there."),
            (Kind.GENERIC, {"url": "https://{to}.example.com/"}, "must stand there as it is"),
            (
                Kind.GENERIC,
                {"url": "https://example.com/?n={number}"},
                "{number} stands for nothing",
            ),
        ],
    )
    def test_says_what_is_wrong_at_first(self, browser, kind, wrong, told):
        page = add(browser, kind, **wrong)

        assert told in text_of(page).replace("&#x27;", "'")
        assert not HttpCarrier.objects.exists()

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            ({"headers": "Authorization {password}"}, "says nothing: Authorization"),
            ({"headers": "Host: elsewhere"}, "says nothing: Host"),
            ({"body": "to {to}"}, "says nothing: to {to}"),
            ({"body_kind": "json", "body": '{"to": {text}x}'}, "This is no JSON"),
            ({"body": "to = {receiver}"}, "{receiver} stands for nothing"),
            ({"reading": "pattern", "id_at": "OK [0-9]+"}, "no group in parentheses"),
            ({"reading": "pattern", "id_at": "OK ("}, "no regular expression"),
            ({"answer_codes": "7 = refused"}, "says nothing: 7 = refused"),
            ({"answer_codes": "7 = 3"}, "says nothing: 7 = 3"),
            ({"dlr_states": "Failed = lost"}, "says nothing: Failed = lost"),
            ({"certificates": "-----BEGIN CERTIFICATE-----"}, "this cannot be read"),
            ({"is_enabled": "on"}, "Nothing says {to} and {text} yet."),
        ],
    )
    def test_says_what_is_wrong_in_the_form_of_a_provider(self, browser, wrong, told):
        row = make_http_carrier(kind=Kind.GENERIC, enabled=False)
        page = url(HttpCarrier, "change", row.pk)

        answer = browser.post(page, {**form_of(browser, page), **wrong})

        assert told in text_of(answer).replace("&#x27;", "'")

    def test_lets_one_carrier_of_both_kinds_have_a_name_and_take_all_messages(self, browser):
        make_smpp_carrier(name="acme", default=True)
        row = make_http_carrier()
        page = url(HttpCarrier, "change", row.pk)

        taken = add(browser, Kind.KANNEL, name="acme")
        both = browser.post(page, {**form_of(browser, page), "is_default": "on"})

        assert "Another carrier has this name." in text_of(taken)
        assert "Another carrier takes all messages without a route." in text_of(both)


@pytest.fixture
def kannel():
    rig = rigs.kannel_rig()
    yield rig
    rig.close()


class TestTrial:
    def test_shows_request_and_answer_without_secrets(self, browser, kannel):
        row = make_http_carrier(
            url=kannel.upstream.url, password=PASSWORD, dlr_secret="dlr-s3cret", enabled=False
        )
        page = url(HttpCarrier, "send", row.pk)

        before, after = browser.get(page), browser.post(page, MESSAGE)

        check_page(before.content.decode())
        check_page(after.content.decode())
        shown = _words(after)
        assert "It works" in shown
        assert "password=HIDDEN" in shown
        assert "HTTP 202 0: Accepted for delivery" in shown
        assert "No report of the end" in shown
        assert "s3cret" not in after.content.decode()
        [heard] = kannel.upstream.heard
        assert (heard.msisdn, heard.text) == ("33639980004", "Hello")

    @pytest.mark.django_db(transaction=True)
    def test_shows_its_report(self, browser, kannel, monkeypatch):
        monkeypatch.setattr(http_trials, "REPORT_WITHIN", timedelta(seconds=5))
        row = make_http_carrier(
            url=kannel.upstream.url,
            password=PASSWORD,
            dlr_secret=rigs.SECRET,
            panel_url=kannel.receiver.url.removesuffix("/dlr"),
        )
        carry = threading.Thread(target=_carry_reports, args=(kannel, row.name))
        carry.start()

        page = browser.post(url(HttpCarrier, "send", row.pk), MESSAGE)

        carry.join()
        assert "Report: DELIVRD err:000, read as delivered, ptt 4." in _words(page)

    @pytest.mark.parametrize(
        ("given", "told", "advice"),
        [
            (
                {"password": "wrong"},
                "Authorization failed for sendsms",
                "compare URL, user name, password",
            ),
            (
                {"url": f"http://127.0.0.1:{unused_port()}/"},
                "could not be reached",
                "Check host and port of the URL",
            ),
        ],
    )
    def test_shows_why_it_failed_and_what_to_do(self, browser, kannel, given, told, advice):
        row = make_http_carrier(**{"url": kannel.upstream.url, "password": PASSWORD, **given})

        page = browser.post(url(HttpCarrier, "send", row.pk), MESSAGE)

        assert "It does not work yet" in _words(page)
        assert told in _words(page)
        assert advice in _words(page)

    def test_is_for_those_who_may_change_carriers(self, client):
        row = make_http_carrier()
        client.force_login(make_clerk("view_httpcarrier"))

        assert client.post(url(HttpCarrier, "send", row.pk)).status_code == 403


def _carry_reports(kannel, name):
    """Keep what the gateway reports, as the DLR endpoint would."""
    try:
        kannel.wait_for_dlrs(2)
        for request in kannel.kept:
            reports.store_post(name, request.body, "", query=request.query)
    finally:
        connection.close()


def _words(page):
    return " ".join(re.sub(r"<[^>]*>", " ", page.content.decode()).split())
