"""Clients of others, installed from their registries and run as they are."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sendsms.message import SmsMessage

from tests import others
from tests.clients.kannel import Kannel, over_http2sms
from tests.receiver import Receiver
from tests.sizes import long

pytestmark = [pytest.mark.whole_program, pytest.mark.on_embedded, long]

HERE = Path(__file__).parent
MSISDN = "33639980004"


class TestDjangoSendsms:
    """A Django application with a backend for OVH; it reads JSON."""

    @pytest.fixture
    def configured(self, settings, account):
        settings.SENDSMS_BACKEND = "sendsms.backends.ovhsms.OvhSmsBackend"
        settings.OVH_API_URL = account.url
        settings.OVH_API_ACCOUNT = account.name
        settings.OVH_API_LOGIN = account.login
        settings.OVH_API_PASSWORD = account.password
        settings.OVH_API_FROM = account.sender
        return settings

    def test_sends_and_reads_ids_and_credit(self, configured, account):
        message = SmsMessage(
            body="Wêlcome à vous\nHenrï & Jack!\r\nbye", to=[f"00{MSISDN}", f"+{MSISDN}"]
        )

        first, second = message.send()

        assert (first["status"], second["status"]) == (100, 100)
        assert float(first["creditLeft"]) - float(second["creditLeft"]) == 1
        [message_id] = first["smsIds"]
        stored = account.stored(message_id)
        assert stored == {
            **stored,
            "msisdn": MSISDN,
            "text": "Wêlcome à vous\nHenrï & Jack!\nbye",
            "coding": "ucs2",
            "parts": 1,
            "sender": account.sender,
            "message_class": 1,
            "tag": "",
        }

    def test_sends_a_flash(self, configured, account):
        [result] = SmsMessage(body="Now", to=[f"00{MSISDN}"], flash=True).send()

        assert account.stored(result["smsIds"][0])["message_class"] == 0

    def test_raises_for_a_wrong_password(self, configured, account):
        configured.OVH_API_PASSWORD = "Wrong12345"
        before = account.count()

        with pytest.raises(RuntimeError, match="Invalid credentials"):
            SmsMessage(body="Hello", to=[f"00{MSISDN}"]).send()

        assert account.count() == before


class TestOdooAddOn:
    """The add-on sms_ovh_http of the Odoo Community Association; it reads plain text."""

    @pytest.fixture(params=["12", "16"])
    def say(self, request, account):
        installed = others.FOLDER / f"odoo{request.param}"
        if not installed.is_dir():
            others.missing("The add-on for Odoo is not installed.")

        def say(message, *, number=f"+{MSISDN}", password=account.password):
            settings = {
                "sms_ovh_http_account": account.name,
                "sms_ovh_http_login": account.login,
                "sms_ovh_http_password": password,
                "sms_ovh_http_from": account.sender,
            }
            host = account.program.url.removeprefix("http://")
            run = subprocess.run(
                [sys.executable, HERE / "run_odoo.py", request.param, installed, host],
                input=json.dumps({"account": settings, "number": number, "message": message}),
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert run.returncode == 0, run.stderr
            return json.loads(run.stdout)

        return say

    def test_reports_success(self, say, account):
        before = account.count()

        said = say("Votre rendez-vous : 12 h 30, à l'étage\nMerci & à bientôt")

        assert said == {"state": "success", "detail": ""}
        assert account.count() == before + 1

    def test_reports_a_wrong_password(self, say, account):
        before = account.count()

        said = say("Hello", password="Wrong12345")

        assert said["state"] in ("server_error", "ValueError")
        assert said["detail"] == "KO\nInvalid credentials\n"
        assert account.count() == before

    def test_reports_a_number_that_is_none(self, say):
        said = say("Hello", number="0612345678")

        assert said["detail"] == "KO\nInvalid receiver 0612345678\n"


class TestKannel:
    """A whole SMS gateway that takes http2sms for its SMSC; it reads plain text by patterns."""

    TAKEN, REFUSED = "8", "16"

    def dlr(self, kannel, receiver: Receiver, account, text):
        """Send, and return the call by which the gateway then says what became of it."""
        accepted = kannel.send(
            **{"from": account.sender, "to": f"+{MSISDN}", "text": text, "charset": "UTF-8"},
            **{"dlr-mask": "31", "dlr-url": f"{receiver.url}?kind=%d&id=%F&answer=%A"},
        )
        assert accepted.startswith("0:"), accepted
        until = time.monotonic() + 20
        while not receiver.requests:
            assert time.monotonic() < until, "no DLR came"
            time.sleep(0.05)
        [request] = receiver.requests
        return request

    def test_sends_and_reads_the_id(self, tmp_path, account, receiver):
        with Kannel(tmp_path, over_http2sms(account, password=account.password)) as kannel:
            request = self.dlr(kannel, receiver, account, "Disk full: 93 % & rising, été @ €5")

        assert request.value("kind") == self.TAKEN, request
        stored = account.stored(request.value("id"))
        assert stored["msisdn"] == MSISDN
        assert stored["text"] == "Disk full: 93 % & rising, été @ €5"

    def test_reports_a_wrong_password(self, tmp_path, account, receiver):
        before = account.count()

        with Kannel(tmp_path, over_http2sms(account, password="Wrong12345")) as kannel:
            request = self.dlr(kannel, receiver, account, "Hello")

        assert request.value("kind") == self.REFUSED
        assert "Invalid credentials" in request.value("answer")
        assert account.count() == before
