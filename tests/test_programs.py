"""The ready programs: what each says to a server, whatever its values are."""

import json
import os
import re
import shutil
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

import pytest

from sms_accounts import http2sms, programs

SENT = '{"status":100,"smsIds":["7","8"],"SmsIds":["7","8"],"creditLeft":"1.00"}'
REFUSED = '{"status":202,"message":"Invalid credentials"}'
HOSTILE = [
    "O'Neil & Co",
    "a\"b'c`d$(exit 9)`exit 9`",
    "$HOME ${HOME} %PATH% #{1 + 1} {$x}",
    "back\\slash\\'and\\\\more\\",
    "two\nlines\r\n\tand a tab",
    "\u2018typographic\u2019 \u201cquotes\u201d \u2028 \u00e9 \U0001f600",
    "'; echo broken >&2; exit 9; '",
    "@file =x !! ~ * ? [a] ; | < > \x7f",
    "@@url @@parameters @@@@",
    "*/ // # -- <?php ?> </script>",
]
NEEDED = {
    "curl": "curl",
    "PHP": "php",
    "Python": "python3",
    "JavaScript": "node",
    "Ruby": "ruby",
    "PowerShell": "pwsh",
}
# The others cannot be run here; the texts of all are compared further down.
INSTALLED = [language for language, command in NEEDED.items() if shutil.which(command)]


class Listener(BaseHTTPRequestHandler):
    """Keeps what was posted, and answers what it is told to."""

    server: "Server"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.posted.append((self.path, dict(self.headers), body))
        answer = self.server.answer.encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    answer, status = SENT, 200

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Listener)
        self.posted = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def listening() -> Iterator[Server]:
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with listening() as server:
        yield server


def form(**changes: str) -> dict[str, str]:
    words = {
        "account": "sms-ab12345-1",
        "login": "billing@example.com",
        "password": programs.PLACEHOLDER,
        "sender": "Example",
        "msisdn": "33639980004",
        "text": "Hello",
    }
    return http2sms.form(**(words | changes))


def program_in(language: str, url: str, **changes: str) -> programs.Program:
    written = programs.ready(url=http2sms.url_of(url), form=form(**changes))
    return next(program for program in written if program.language == language)


def run(program: programs.Program, folder, *, password: str = "Secret1234"):
    path = folder / program.file_name
    path.write_bytes(program.text.encode())
    return subprocess.run(
        program.command.split(),
        cwd=folder,
        env={**os.environ, programs.VARIABLE: password, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def posted(server: Server) -> dict[str, str]:
    _path, _headers, body = server.posted[-1]
    return {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}


def said(server: Server) -> dict[str, str]:
    """What the last call said, also by HTTP Basic."""
    words = posted(server)
    authorization = server.posted[-1][1].get("Authorization", "")
    if authorization:
        user, password = b64decode(authorization.removeprefix("Basic ")).decode().split(":")
        account, login = user.split("/")
        words |= {"account": account, "login": login, "password": password}
    return words


@pytest.mark.parametrize("language", INSTALLED)
class TestEachProgram:
    def test_posts_the_call_and_keeps_it_out_of_the_url(self, server, tmp_path, language):
        done = run(program_in(language, server.url), tmp_path)

        assert done.returncode == 0, done.stderr
        assert "7" in done.stdout
        assert "1.00" in done.stdout
        path, _headers, _body = server.posted[-1]
        assert path == f"/{http2sms.PATH}"
        words = said(server)
        assert words.pop(http2sms.IDEMPOTENCY_KEY)
        assert words == {
            **form(),
            "password": "Secret1234",
            "noStop": "1",
            "contentType": "application/json",
        }

    def test_has_another_key_each_time(self, server, tmp_path, language):
        program = program_in(language, server.url)

        for _time in range(2):
            run(program, tmp_path)
            # The one of the shell is new each second.
            time.sleep(1.1 if language == "curl" else 0)

        first, second = (parse_qs(body) for _path, _headers, body in server.posted)
        assert first[http2sms.IDEMPOTENCY_KEY] != second[http2sms.IDEMPOTENCY_KEY]

    @pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[1:13])
    def test_says_any_value_as_it_is(self, server, tmp_path, language, value):
        done = run(program_in(language, server.url, sender=value, text=value), tmp_path)

        assert done.returncode == 0, done.stderr
        assert (posted(server)["from"], posted(server)["message"]) == (value, value)

    @pytest.mark.parametrize("status", [200, 429, 503])
    def test_fails_and_shows_why_unless_the_status_is_100(self, server, tmp_path, language, status):
        server.status, server.answer = status, REFUSED

        done = run(program_in(language, server.url), tmp_path)

        assert done.returncode != 0
        assert "Invalid credentials" in done.stdout + done.stderr

    def test_fails_where_nobody_answers(self, tmp_path, language):
        with listening() as server:
            nobody = server.url

        assert run(program_in(language, nobody), tmp_path).returncode != 0


@pytest.mark.parametrize("language", sorted(set(INSTALLED) - {"curl"}))
def test_the_password_can_be_written_into_the_program(server, tmp_path, language):
    program = program_in(language, server.url)
    text = re.sub(rf"\b{programs.PLACEHOLDER}\b", "Secret5678", program.text)
    (tmp_path / program.file_name).write_text(text)

    done = subprocess.run(
        program.command.split(),
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != programs.VARIABLE},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert posted(server)["password"] == "Secret5678"


def test_curl_shows_the_password_to_no_list_of_processes():
    text = program_in("curl", "https://panel.example").text

    assert "password=" not in text
    assert '--user sms-ab12345-1/billing@example.com"${SMS_PASSWORD:+:$SMS_PASSWORD}"' in text


# Those that may not be installed: what their strings must look like.


@pytest.mark.parametrize(
    ("language", "value", "quoted"),
    [
        ("PHP", "a'b\\c$d", "'message' => 'a\\'b\\\\c$d',"),
        ("Ruby", 'a"b#{c}', '"message" => "a\\"b\\#{c}",'),
        ("PowerShell", "a'b`c$d", "'message' = 'a''b`c$d'"),
        ("PowerShell", "it\u2019s", "'message' = 'it\u2019\u2019s'"),
        ("curl", "a'b", "message='a'\"'\"'b'"),
    ],
)
def test_strings_are_quoted_as_the_language_wants(language, value, quoted):
    assert quoted in program_in(language, "https://panel.example", text=value).text


@pytest.mark.parametrize("language", NEEDED)
def test_no_program_has_a_gap_left(language):
    assert "@@" not in program_in(language, "https://panel.example").text


def test_answers_of_the_listener_are_such_as_http2sms_gives():
    assert http2sms.is_accepted(SENT)
    assert not http2sms.is_accepted(REFUSED)
    assert json.loads(REFUSED)["status"] == 202
