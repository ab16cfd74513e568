"""The examples in docs/http-carriers.md, entered as they stand there, answered as manuals show."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.conf import settings

from sms_accounts import carrier_accounts
from sms_accounts.carriers import Http, Rejected, TryLater
from sms_accounts.carriers.http.wire import Answer
from sms_accounts.models import HttpCarrier
from tests.carriers.contract import make
from tests.factories import make_http_carrier

pytestmark = pytest.mark.django_db

GUIDE = Path(settings.BASE_DIR) / "docs" / "http-carriers.md"
FIELDS = {str(field.verbose_name): field.name for field in HttpCarrier._meta.fields}
# A field of the form at the start of a line; what is indented belongs to the one above.
FIELD = re.compile(r"([A-Za-z0-9][A-Za-z0-9. ]*?): (.*)")


def example(name):
    """Return the carrier that an example of the guide makes, switched on."""
    _before, _name, after = GUIDE.read_text().partition(f"\n{name},")
    entered: dict[str, Any] = {}
    field = ""
    for line in after.split("```")[1].strip().splitlines():
        if line.startswith("  "):
            entered[field] += f"\n{line.strip()}"
        else:
            found = FIELD.fullmatch(line)
            assert found, line
            field = FIELDS[found[1]]
            entered[field] = found[2]
    row = make_http_carrier(kind=HttpCarrier.Kind.GENERIC, password="s3cret", **entered)
    row.full_clean()
    carrier = carrier_accounts.get(row.name)
    assert isinstance(carrier, Http)
    return carrier


def form(request):
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def test_of_jasmin():
    carrier = example("Jasmin")

    request = carrier.request_of(make("33639980004", reference="abc"))
    taken = carrier.understand(Answer(status=200, body=b'Success "07033084-5cfd-4812"'))
    [early] = carrier.parse_dlrs(b"", {}, "ref=abc&id=07033084&message_status=ESME_ROK&level=1")
    [late] = carrier.parse_dlrs(
        b"", {}, "ref=abc&id=07033084&id_smsc=7&message_status=UNDELIV&level=2&err=27"
    )

    assert request.method == "GET"
    assert "&coding=0&hex-content=506172742031206f662031&" in request.url
    assert taken == "07033084-5cfd-4812"
    assert (early.reference, early.state, late.state) == ("abc", "enroute", "undeliverable")
    assert carrier.dlr_answer == "ACK/Jasmin"
    with pytest.raises(Rejected):
        carrier.understand(Answer(status=412, body=b'Error "No route found"'))
    with pytest.raises(TryLater):
        carrier.understand(Answer(status=403, body=b'Error "Authentication failure"'))


def test_of_vonage():
    carrier = example("Vonage")
    answer = {"message-count": "1", "messages": [{"status": "0", "message-id": "0C000000217B7F02"}]}
    barred = {"messages": [{"status": "7", "error-text": "Number barred"}]}

    said = form(carrier.request_of(make("33639980004")))
    taken = carrier.understand(Answer(status=200, body=json.dumps(answer).encode()))
    [dlr] = carrier.parse_dlrs(
        b"", {}, "msisdn=33639980004&messageId=0C000000217B7F02&status=failed&err-code=7&ref=abc"
    )

    assert (said["api_secret"], said["type"], said["to"]) == ("s3cret", "text", "33639980004")
    assert "message-class" not in said
    assert taken == "0C000000217B7F02"
    assert (dlr.carrier_message_id, dlr.state, dlr.ptt) == (taken, "undeliverable", 26)
    with pytest.raises(Rejected) as refused:
        carrier.understand(Answer(status=200, body=json.dumps(barred).encode()))
    assert refused.value.ptt == 23


def test_of_twilio():
    carrier = example("Twilio")
    answer = {"sid": "SM1f", "status": "queued", "error_code": None, "error_message": None}
    wrong = {"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400}

    request = carrier.request_of(make("33639980004"))
    taken = carrier.understand(Answer(status=201, body=json.dumps(answer).encode()))
    [dlr] = carrier.parse_dlrs(
        b"MessageSid=SM1f&MessageStatus=undelivered&ErrorCode=30003",
        {"Content-Type": "application/x-www-form-urlencoded"},
        "ref=abc",
    )

    assert request.url.endswith("/Accounts/panel/Messages.json")
    assert dict(request.headers)["Authorization"] == "Basic cGFuZWw6czNjcmV0"
    assert form(request)["To"] == "+33639980004"
    assert taken == "SM1f"
    assert (dlr.reference, dlr.carrier_message_id, dlr.ptt) == ("abc", "SM1f", 24)
    with pytest.raises(Rejected) as refused:
        carrier.understand(Answer(status=400, body=json.dumps(wrong).encode()))
    assert (refused.value.code, refused.value.ptt) == ("21211", 23)
