"""Calls of http2sms as scripts make them."""

import json
from urllib.parse import urlencode

from tests.factories import API_PASSWORD, MSISDN, SENDER

CGI = "/cgi-bin/sms/http2sms.cgi"
FORM = "application/x-www-form-urlencoded"
TEXT = "canary text of a message"


def words(user, **changes):
    """The parameters of an ordinary call; None leaves one out. `from_` stands for `from`."""
    given = {
        "account": user.account.name,
        "login": user.login,
        "password": API_PASSWORD,
        "from": SENDER,
        "to": f"00{MSISDN}",
        "message": TEXT,
        "noStop": "1",
    }
    given |= {name.rstrip("_"): value for name, value in changes.items()}
    return {name: value for name, value in given.items() if value is not None}


def get(client, user, *, raw="", path=CGI, headers=None, **changes):
    query = urlencode(words(user, **changes))
    return client.get(f"{path}?{query}{raw}", headers=headers)


def status_and_message(response):
    content = json.loads(response.content)
    return content["status"], content.get("message", "")


def ask(client, user, *, raw="", **changes):
    """Call with an answer in JSON; return its status and message."""
    response = get(client, user, raw=raw, **{"contentType": "application/json"} | changes)
    assert response.status_code == 200
    return status_and_message(response)
