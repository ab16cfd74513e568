"""Which carrier gets what is due, where staff have set up one over HTTP."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from sms_accounts import carrier_accounts, delivery, lanes, recording
from sms_accounts.carriers import Http
from sms_accounts.models import HttpCarrier, Message, State
from tests.carriers import rigs
from tests.carriers.contract import make
from tests.carriers.upstream import PASSWORD
from tests.factories import make_http_carrier, make_message, make_smpp_carrier

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def kannel():
    rig = rigs.kannel_rig()
    yield rig
    rig.close()


@pytest.fixture
def carrier(kannel):
    return make_http_carrier(url=kannel.upstream.url, password=PASSWORD, default=True)


class TestDeliverDue:
    def test_hands_messages_to_the_chosen_carrier(self, kannel, carrier):
        messages = [make_message(msisdn="33639980004") for _ in range(3)]

        assert delivery.deliver_due() == 3

        assert len(kannel.upstream.heard) == 3
        assert set(Message.objects.values_list("state", "carrier")) == {("enroute", "gateway")}
        references = {message.attempts.get().reference for message in messages}
        assert {heard.reference for heard in kannel.upstream.heard} == references

    def test_goes_to_the_one_that_is_chosen_meanwhile(self, kannel, carrier, monkeypatch):
        make_http_carrier(name="second", url=kannel.upstream.url, password=PASSWORD)
        HttpCarrier.objects.update(window=1)
        messages = [make_message() for _ in range(4)]
        record = recording.record

        def choose_the_second(*answered):
            record(*answered)
            if Message.objects.filter(state=State.ENROUTE).exists():
                HttpCarrier.objects.filter(name="gateway").update(is_default=False)
                HttpCarrier.objects.filter(name="second").update(is_default=True)

        monkeypatch.setattr(delivery, "LOOK_EVERY", timedelta(0))
        monkeypatch.setattr(lanes, "REMEMBERED_FOR", timedelta(0))
        monkeypatch.setattr(recording, "record", choose_the_second)
        delivery.deliver_due()

        carriers = {Message.objects.get(pk=message.pk).carrier for message in messages}
        assert carriers == {"gateway", "second"}
        assert not Message.objects.filter(state=State.QUEUED).exists()

    def test_goes_on_while_nobody_can_be_asked_who_is_chosen(self, kannel, carrier, monkeypatch):
        asked = []

        def away_from_the_second_time(name):
            asked.append(name)
            # Not those who claim what is due.
            if len(asked) > 1 and not connection.in_atomic_block:
                raise OperationalError("connection refused")
            return known(name)

        known = carrier_accounts.get
        HttpCarrier.objects.update(window=1)
        messages = [make_message() for _ in range(3)]
        monkeypatch.setattr(delivery, "LOOK_EVERY", timedelta(0))
        monkeypatch.setattr(carrier_accounts, "get", away_from_the_second_time)

        assert delivery.deliver_due() == len(messages)
        assert set(Message.objects.values_list("state", flat=True)) == {State.ENROUTE}

    def test_leaves_them_to_a_process_of_its_own(self, kannel, carrier):
        HttpCarrier.objects.update(is_default=False)
        make_smpp_carrier(default=True)
        message = make_message()

        assert delivery.deliver_due() == 0

        message.refresh_from_db()
        assert message.state == State.QUEUED


class TestGet:
    def test_gives_the_same_object_until_something_is_changed(self, carrier):
        first = carrier_accounts.get("gateway")
        assert carrier_accounts.get("gateway") is first

        HttpCarrier.objects.update(window=20)

        assert carrier_accounts.get("gateway") is not first
        assert carrier_accounts.get("gateway").window == 20

    def test_survives_a_password_that_cannot_be_read(self, carrier):
        HttpCarrier.objects.update(password_sealed="unreadable")

        assert carrier_accounts.get("gateway").parse_dlrs(b"", {}, "ref=a&d=1")

    def test_asks_the_database_little(self, carrier):
        with CaptureQueriesContext(connection) as asked:
            carrier_accounts.get("gateway")

        assert len(asked) == 2

    def test_calls_as_the_form_of_a_provider_says(self, settings):
        settings.PANEL_URL = "https://panel.example/"
        generic = make_http_carrier(
            kind=HttpCarrier.Kind.GENERIC,
            url="https://api.example.com/{username}/send",
            headers="X-Key: {password}",
            body="to = +{to}\ntext = {text}\nclass = {class}\ncb = {dlr_url}",
            reading="pattern",
            id_at="ID: ([0-9]+)",
            answer_codes="0 = taken\nHTTP 400 = 20",
            dlr_states="gone = expired",
        )
        generic.full_clean()
        carrier = carrier_accounts.get("gateway")

        assert isinstance(carrier, Http)
        request = carrier.request_of(make("33639980004", reference="abc"))

        assert request.url == "https://api.example.com/panel/send"
        assert dict(request.headers)["X-Key"] == "secret"
        assert request.body == (
            b"to=%2B33639980004&text=Part+1+of+1"
            b"&cb=https%3A%2F%2Fpanel.example%2Fdlr%2Fgateway%2Fdlr-secret%2F%3Fref%3Dabc"
        )
