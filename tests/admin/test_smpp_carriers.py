"""The staff's pages of SMPP carriers: setting one up, and trying it."""

import re
from datetime import timedelta

import pytest
from django.db import connection

from sms_accounts import sealing, smpp_trials
from sms_accounts.models import DlrPost, ReceivedPost, SmppCarrier
from tests.admin.rows import make_clerk, text_of, url
from tests.factories import make_http_carrier, make_smpp_carrier
from tests.pages.checks import check_page
from tests.simulator_rig import unused_port
from tests.smpp.smsc import Smsc

pytestmark = pytest.mark.django_db

MESSAGE = {"receiver": "+33 6 39 98 00 04", "sender": "PANEL", "text": "Hello"}


@pytest.fixture
def smsc():
    smsc = Smsc()
    yield smsc
    smsc.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(smpp_trials, "RECEIPT_WITHIN", timedelta(milliseconds=200))


def form_of(browser, page):
    """The fields of a form as a browser would send them back."""
    form = browser.get(page).context["adminform"].form
    fields = {name: form[name].value() for name in form.fields}
    return {
        name: value for name, value in fields.items() if value is not None and value is not False
    }


def typed(**more):
    return {
        "name": "acme",
        "host": "smsc.example.com",
        "system_id": "panel",
        "password": "s3cret",
        **more,
    }


class TestSettingUp:
    def test_takes_three_lines_from_the_carrier(self, browser):
        fields = form_of(browser, url(SmppCarrier, "add"))

        browser.post(url(SmppCarrier, "add"), {**fields, **typed(is_enabled="on")})

        row = SmppCarrier.objects.get()
        assert (row.host, row.port, row.is_enabled) == ("smsc.example.com", 2775, True)
        assert sealing.unseal(row.password_sealed) == "s3cret"

    def test_never_shows_the_password_again_and_keeps_it(self, browser):
        row = make_smpp_carrier(password="s3cret")
        page = url(SmppCarrier, "change", row.pk)

        shown = browser.get(page).content.decode()
        browser.post(page, {**form_of(browser, page), "port": 2776})

        assert "s3cret" not in shown
        assert row.password_sealed not in shown
        row.refresh_from_db()
        assert row.port == 2776
        assert sealing.unseal(row.password_sealed) == "s3cret"

    def test_leaves_alone_what_the_process_writes_meanwhile(self, browser):
        row = make_smpp_carrier()
        page = url(SmppCarrier, "change", row.pk)
        fields = form_of(browser, page)
        SmppCarrier.objects.update(is_bound=True, bind_told="bound")

        browser.post(page, {**fields, "window": 20})

        row.refresh_from_db()
        assert (row.window, row.is_bound, row.bind_told) == (20, True, "bound")

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            ({"name": "simulator"}, "not 'simulator'"),
            ({"name": "Acme GmbH"}, "Small letters"),
            ({"password": ""}, "Type in the password"),
            ({"password": "geheimß"}, "without accents"),
            ({"certificates": "MIIB"}, "BEGIN CERTIFICATE"),
            ({"err_codes": "011 = 27\n5 = 999"}, "says nothing: 5 = 999"),
            ({"statuses": "0x0B: 23"}, "says nothing: 0x0B: 23"),
            ({"statuses": "0x58 = 3"}, "says nothing: 0x58 = 3"),
            ({"is_default": "on"}, "must be switched on"),
        ],
    )
    def test_says_what_is_wrong(self, browser, wrong, told):
        fields = form_of(browser, url(SmppCarrier, "add"))

        page = browser.post(url(SmppCarrier, "add"), {**fields, **typed(), **wrong})

        assert told in text_of(page).replace("&#x27;", "'")
        assert not SmppCarrier.objects.exists()

    def test_lets_one_carrier_alone_take_all_messages(self, browser):
        make_smpp_carrier(name="first", default=True)
        fields = form_of(browser, url(SmppCarrier, "add"))
        both = {"is_enabled": "on", "is_default": "on"}

        page = browser.post(url(SmppCarrier, "add"), {**fields, **typed(), **both})

        assert "Another carrier takes all messages without a route." in text_of(page)

    def test_minds_the_carriers_of_another_kind(self, browser):
        make_http_carrier(name="acme", default=True)
        fields = form_of(browser, url(SmppCarrier, "add"))
        page = browser.post(url(SmppCarrier, "add"), {**fields, **typed()})

        assert "Another carrier has this name." in text_of(page)
        assert not SmppCarrier.objects.exists()


class TestTrials:
    def test_of_a_bind_shows_that_it_came_about(self, browser, smsc):
        row = make_smpp_carrier(port=smsc.port, enabled=False)
        page = url(SmppCarrier, "bind", row.pk)

        before = browser.get(page)
        after = browser.post(page)

        check_page(before.content.decode())
        check_page(after.content.decode())
        assert smsc.binds == [9]
        assert "It works Bound as transceiver to SMSC. Unbound." in _words(after)

    @pytest.mark.parametrize(
        ("password", "told"),
        [("wrong", "ESME_RINVPASWD"), ("secret", "Cannot be reached: connection refused")],
    )
    def test_of_a_bind_shows_why_it_did_not(self, browser, smsc, password, told):
        port = smsc.port if password == "wrong" else unused_port()
        row = make_smpp_carrier(port=port, password=password)

        page = browser.post(url(SmppCarrier, "bind", row.pk))

        assert "It does not work yet" in _words(page)
        assert told in _words(page)

    def test_of_a_message_shows_what_the_carrier_said(self, browser, smsc):
        row = make_smpp_carrier(port=smsc.port)
        page = url(SmppCarrier, "send", row.pk)

        taken = browser.post(page, MESSAGE)
        smsc.script = lambda heard: "refuse"
        refused = browser.post(page, MESSAGE)

        check_page(taken.content.decode())
        assert "id a001." in _words(taken)
        assert "No receipt of the end" in _words(taken)
        assert "Refused: ESME_RINVDSTADR, which counts as ptt 23." in _words(refused)
        assert [heard.msisdn for heard in smsc.heard] == ["33639980004"] * 2

    @pytest.mark.django_db(transaction=True)
    def test_of_a_message_shows_its_receipt_and_keeps_it(self, browser, smsc, monkeypatch):
        monkeypatch.setattr(smpp_trials, "RECEIPT_WITHIN", timedelta(seconds=5))
        smsc.script = lambda heard: "take_and_report"
        row = make_smpp_carrier(port=smsc.port)
        smsc.send_from_phone("STOP")

        page = browser.post(url(SmppCarrier, "send", row.pk), MESSAGE)

        assert "Receipt: DELIVRD err:000, read as delivered, ptt 4." in _words(page)
        # What somebody says meanwhile is for whoever reads replies.
        assert ReceivedPost.objects.filter(carrier="acme").count() == 1
        assert DlrPost.objects.filter(carrier="acme").count() == 2
        assert connection.is_usable()

    @pytest.mark.parametrize(
        "wrong", [{"receiver": "0639"}, {"sender": "x"}, {"text": "ç" * 71}, {"text": ""}]
    )
    def test_send_nothing_that_is_wrong(self, browser, smsc, wrong):
        row = make_smpp_carrier(port=smsc.port)

        page = browser.post(url(SmppCarrier, "send", row.pk), {**MESSAGE, **wrong})

        assert "errorlist" in page.content.decode()
        assert smsc.binds == []

    @pytest.mark.parametrize("name", ["bind", "send"])
    def test_are_for_those_who_may_change_carriers(self, client, name):
        row = make_smpp_carrier()
        client.force_login(make_clerk("view_smppcarrier"))

        assert client.post(url(SmppCarrier, name, row.pk)).status_code == 403


def _words(page):
    return " ".join(re.sub(r"<[^>]*>", " ", page.content.decode()).split())
