"""Requests of clients that cannot be installed here, replayed over a socket of their own."""

import http.client
import re
import socket
from urllib.parse import urlsplit

import pytest

from tests.clients.conftest import CGI
from tests.clients.replays import REFUSED, REPLAYS

pytestmark = [pytest.mark.whole_program, pytest.mark.on_embedded]
every_replay = pytest.mark.parametrize("replay", REPLAYS, ids=[each.client for each in REPLAYS])

MSISDN = "33639980004"
OTHER = "33639980005"
# Written nationally, they are refused.
NO_MSISDN, NO_OTHER = "0612345678", "0612345679"


def answer_to(account, replay, *, to, other=OTHER):
    """Send the bytes of a request, and return the answer that came for them."""
    words = {
        "account": account.name,
        "login": account.login,
        "password": account.password,
        "sender": account.sender,
        "other": other,
        "to": to,
    }
    body = replay.body.format(**words).encode()
    url = urlsplit(account.program.url)
    headers = {"Host": url.netloc, "Connection": "close", **replay.headers}
    if body:
        headers["Content-Length"] = str(len(body))
    lines = [
        f"{'POST' if body else 'GET'} {CGI}{replay.target.format(**words)} {replay.version}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    with socket.create_connection((url.hostname, url.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("ascii") + body)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.read().decode()


@every_replay
def test_is_sent_and_its_answer_understood(account, replay):
    before = account.count()

    status, body = answer_to(account, replay, to=replay.to.format(msisdn=MSISDN))

    outcome = replay.read(body)
    assert (status, outcome.sent) == (200, True), body
    assert account.count() == before + replay.receivers
    if outcome.credits is not None:
        assert re.fullmatch(r"\d+\.\d\d", outcome.credits)
    latest = account.latest(replay.receivers)
    if outcome.ids:
        assert outcome.ids == [str(stored["id"]) for stored in latest]
    for stored, msisdn in zip(latest, (MSISDN, OTHER), strict=False):
        assert stored == {**stored, "msisdn": msisdn, "text": replay.text, **replay.stored}


@every_replay
def test_is_told_why_nothing_was_sent(account, replay):
    before = account.count()

    status, body = answer_to(account, replay, to=NO_MSISDN, other=NO_OTHER)

    outcome = replay.read(body)
    assert (status, outcome.sent) == (200, False), body
    assert account.count() == before
    if outcome.error is not None:
        assert NO_MSISDN in outcome.error


@pytest.mark.parametrize(
    ("replay", "said"), REFUSED, ids=[replay.client for replay, _said in REFUSED]
)
def test_is_told_that_it_asks_for_what_cannot_be_had(account, replay, said):
    before = account.count()

    status, body = answer_to(account, replay, to=replay.to.format(msisdn=MSISDN))

    assert (status, replay.read(body).sent) == (200, False)
    assert said in body
    assert account.count() == before
