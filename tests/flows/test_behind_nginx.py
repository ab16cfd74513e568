"""The program behind a real nginx that is configured as `deploy/nginx.conf` has it."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

import pytest
from urllib3 import HTTPConnectionPool
from urllib3.response import BaseHTTPResponse

from tests.flows.conftest import Program, start, stop
from tests.flows.nginx import NAME, Nginx
from tests.flows.test_guide import eventually
from tests.sizes import long

pytestmark = [pytest.mark.whole_program, long]

SECRET = "Cnry1Password"
ELSEWHERE = "203.0.113.9"
RESTRICTED = {"here": "127.0.0.0/8", "elsewhere": f"{ELSEWHERE}/32"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("data")
    running = start(folder, PANEL_URL=f"https://{NAME}", PANEL_PROXIES="1")
    for login in RESTRICTED:
        running.manage("create_api_user", running.demo["account"], login, "--password", SECRET)
    running.manage(
        *("shell", "--no-imports", "--command"),
        "from sms_accounts.models import ApiUser\n"
        f"for login, network in {RESTRICTED}.items():\n"
        "    ApiUser.objects.filter(login=login).update(restrictions=[network])",
    )
    yield running
    stop(running)


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx"), panel_url=program.url).running() as running:
        yield running


def call_of(program: Program, login: str) -> dict[str, str]:
    return {
        "account": program.demo["account"],
        "login": login,
        "password": SECRET,
        "from": program.demo["sender"],
        "to": "33639980004",
        "message": "Hello",
        "noStop": "1",
        "contentType": "application/json",
    }


def send(pool: HTTPConnectionPool, call: dict[str, str], **headers: str) -> BaseHTTPResponse:
    return pool.request(
        "GET", f"/http2sms?{urlencode(call)}", headers={"Host": NAME, **headers}, redirect=False
    )


class TestWhoComesWithoutTls:
    def test_is_led_to_the_same_page(self, nginx: Nginx):
        answer = nginx.plain.request("GET", "/auth/login/?next=/a", redirect=False)

        assert answer.status == 301
        assert answer.headers["Location"] == f"https://{NAME}/auth/login/?next=/a"

    @pytest.mark.parametrize("path", ["/http2sms", "/cgi-bin/sms/http2sms.cgi"])
    def test_is_told_at_once_as_a_script(self, nginx: Nginx, path: str):
        answer = nginx.plain.request("GET", f"{path}?password={SECRET}", redirect=False)

        assert answer.status == 403
        assert "Location" not in answer.headers


class TestScripts:
    def test_send(self, nginx: Nginx, program: Program):
        answer = send(nginx.https, call_of(program, "here"))

        assert json.loads(answer.data)["status"] == 100

    def test_cannot_say_themselves_where_they_are(self, nginx: Nginx, program: Program):
        forged = {"X-Forwarded-For": ELSEWHERE}

        here = send(nginx.https, call_of(program, "here"), **forged)
        elsewhere = send(nginx.https, call_of(program, "elsewhere"), **forged)

        assert json.loads(here.data)["status"] == 100
        assert json.loads(elsewhere.data)["status"] == 401

    @pytest.mark.parametrize("length", [1_200_000, 15_000_000])
    def test_hear_from_the_panel_that_a_call_is_too_long(self, nginx: Nginx, length: int):
        answer = nginx.https.request(
            *("POST", "/http2sms", b"message=" + b"a" * length),
            headers={"Host": NAME, "Content-Type": FORM},
        )

        assert answer.data == b"KO\nInvalid request: the body is longer than 1048576 bytes\n"


class TestPeople:
    def test_sign_in(self, nginx: Nginx, program: Program):
        page = nginx.https.request("GET", "/auth/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.data.decode())
        assert token
        cookie = page.headers["Set-Cookie"]
        answer = nginx.https.request(
            *("POST", "/auth/login/"),
            urlencode(
                {
                    "csrfmiddlewaretoken": token[1],
                    "login": program.demo["holder_email"],
                    "password": program.demo["holder_password"],
                }
            ),
            headers={
                "Host": NAME,
                "Content-Type": FORM,
                "Cookie": cookie.partition(";")[0],
                "Referer": f"https://{NAME}/auth/login/",
            },
            redirect=False,
        )

        assert answer.status == 302
        assert "sessionid" in answer.headers["Set-Cookie"]
        assert "Secure" in answer.headers["Set-Cookie"]
        assert "Strict-Transport-Security" in answer.headers

    @pytest.mark.parametrize("path", ["/dlr/simulator/", "/received/simulator/"])
    def test_do_not_reach_what_the_simulated_carrier_calls(self, nginx: Nginx, path: str):
        answer = nginx.https.request("POST", path, b"{}")

        assert answer.status == 404
        assert b"nginx" in answer.data


def test_nothing_secret_is_written_down(nginx: Nginx, program: Program):
    send(nginx.https, call_of(program, "here"))
    send(nginx.plain, call_of(program, "here"))
    nginx.https.request("GET", f"/dlr/acme/{SECRET}/?password={SECRET}")
    # What nginx itself refuses stands in its log of errors.
    nginx.https.request("POST", f"/http2sms?password={SECRET}", b"a" * 17_000_000)
    nginx.https.request("GET", f"/{'a' * 9_000}?password={SECRET}")

    logged = ['"GET /http2sms" 200', '"GET /dlr/acme/" 4', '"POST /http2sms" 413', '" 414 ']
    eventually(lambda: all(line in nginx.written() for line in logged))
    assert SECRET not in nginx.written()


class Silent(BaseHTTPRequestHandler):
    """Hangs up where it is called, as a panel that is killed after it has stored the message."""

    protocol_version = "HTTP/1.1"
    calls: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        if self.path == "/healthz/":
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.calls.append(self.path)
            self.close_connection = True

    def log_message(self, *args):
        pass


def test_a_call_without_an_answer_is_not_made_again(tmp_path: Path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server, ThreadPoolExecutor(1) as thread:
        thread.submit(server.serve_forever)
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            with Nginx(tmp_path, panel_url=url).running() as nginx:
                answer = nginx.https.request("GET", "/http2sms")
        finally:
            server.shutdown()

    assert answer.status == 502
    assert Silent.calls == ["/http2sms"]
