"""A carrier behind HTTP whose conduct follows from the number; its words are those of a voice.

It works as a gateway does: it answers, then reports until somebody takes the report, and forgets
nothing while it is stopped.
"""

import itertools
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, quote, urlencode, urlsplit

CONDUCT = {
    "33639980004": "deliver",
    "33639980024": "absent",
    "33639980023": "barred",
    "33639985023": "refuse",
    "33639985076": "refuse_strangely",
    "33639986004": "busy_twice",
    "33639987004": "silent",
    "33639982004": "early",
}


class Stranger(Exception):
    """Whoever calls does not know the password."""


@dataclass(frozen=True)
class Heard:
    """A part as it came in, and the whole call."""

    reference: str
    msisdn: str
    sender: str
    text: str
    values: Mapping[str, str]
    dlr_url: str = ""
    is_known_again: bool = False


@dataclass(frozen=True)
class Call:
    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> Mapping[str, str]:
        return flat(self.body.decode())


@dataclass(frozen=True)
class Said:
    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """A call of ours to the panel."""

    url: str
    body: bytes | None = None
    content_type: str = "application/x-www-form-urlencoded"


class Voice(Protocol):
    """The words of one kind of gateway."""

    def hear(self, call: Call) -> Heard: ...

    def taken(self, carrier_id: str) -> Said: ...

    def busy(self) -> Said: ...

    def refused(self, *, strangely: bool) -> Said: ...

    def stranger(self) -> Said: ...

    def report(self, heard: Heard, carrier_id: str, stat: str, err: str) -> Report: ...


def flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}


class Upstream:
    """Use `url` as that of the carrier; `heard` is what was put on air."""

    def __init__(self, voice: Voice):
        self.voice = voice
        self.heard: list[Heard] = []
        self.calls: list[Call] = []
        self._port = 0
        self._ids = itertools.count(0xA001)
        self._ids_by_reference: dict[str, str] = {}
        self._busy: dict[str, int] = {}
        self._closing = threading.Event()
        self._reporters: list[threading.Thread] = []
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/send"

    def start(self) -> None:
        self._server = _Server(self._port, self._take)
        self._port = self._server.server_port
        self._serving = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._serving.start()

    def stop(self) -> None:
        self._server.hang_up()
        self._serving.join()

    def close(self) -> None:
        self._closing.set()
        self.stop()
        for reporter in self._reporters:
            reporter.join()

    def _take(self, call: Call) -> Said | None:
        """Return what is answered, or None where the call is cut off."""
        self.calls.append(call)
        try:
            heard = self.voice.hear(call)
        except Stranger:
            return self.voice.stranger()
        conduct = CONDUCT[heard.msisdn]
        if conduct.startswith("refuse"):
            return self.voice.refused(strangely=conduct == "refuse_strangely")
        if heard.is_known_again and heard.reference in self._ids_by_reference:
            return self.voice.taken(self._ids_by_reference[heard.reference])
        if conduct == "busy_twice" and self._busy.setdefault(heard.msisdn, 0) < 2:
            self._busy[heard.msisdn] += 1
            return self.voice.busy()
        carrier_id = f"{next(self._ids):x}"
        self._ids_by_reference[heard.reference] = carrier_id
        self.heard.append(heard)
        reporter = threading.Thread(target=self._report, args=(heard, carrier_id, conduct))
        self._reporters.append(reporter)
        reporter.start()
        if conduct == "early":
            reporter.join(5)
        return None if conduct == "silent" else self.voice.taken(carrier_id)

    def _report(self, heard: Heard, carrier_id: str, conduct: str) -> None:
        last = {"absent": ("EXPIRED", "024"), "barred": ("UNDELIV", "023")}
        for stat, err in (("ACCEPTD", "000"), last.get(conduct, ("DELIVRD", "000"))):
            report = self.voice.report(heard, carrier_id, stat, err)
            while not self._closing.is_set() and not _called(report):
                self._closing.wait(0.02)


def _called(report: Report) -> bool:
    request = urllib.request.Request(report.url, data=report.body)
    if report.body is not None:
        request.add_header("Content-Type", report.content_type)
    with suppress(urllib.error.URLError, ConnectionError):
        return bool(urllib.request.urlopen(request, timeout=5).status == 200)
    return False


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, take: Callable[[Call], Said | None]):
        self._lines: list[Any] = []
        super().__init__(("127.0.0.1", port), _handler(take, self._lines))

    def hang_up(self) -> None:
        self.shutdown()
        self.server_close()
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(2)


def _handler(take: Callable[[Call], Said | None], lines: list[Any]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self):
            super().setup()
            lines.append(self.connection)

        def do_GET(self):
            self.do_POST()

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            query = flat(urlsplit(self.path).query)
            said = take(Call(self.command, query, dict(self.headers), body))
            if said is None:
                self.close_connection = True
                return
            content = said.body.encode()
            self.send_response(said.status)
            for name, value in {**said.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            """Say nothing."""

    return Handler


PASSWORD = "s3cret & more"


class KannelVoice:
    """As smsbox answers; it fills the escapes of the DLR URL in."""

    KINDS = {"ACCEPTD": "8", "DELIVRD": "1", "EXPIRED": "2", "UNDELIV": "2"}

    def hear(self, call):
        values = call.query
        if values["password"] != PASSWORD:
            raise Stranger
        url = values["dlr-url"]
        return Heard(
            reference=flat(urlsplit(url).query)["ref"],
            msisdn=values["to"],
            sender=values["from"],
            text=values["text"],
            values=values,
            dlr_url=url,
        )

    def taken(self, carrier_id):
        return Said(202, "0: Accepted for delivery")

    def busy(self):
        return Said(503, "Temporal failure, try again later.")

    def refused(self, *, strangely):
        if strangely:
            return Said(403, "Not routable. Do not try again.")
        return Said(403, "Number(s) has/have been denied by white- and/or black-lists.")

    def stranger(self):
        return Said(403, "Authorization failed for sendsms")

    def report(self, heard, carrier_id, stat, err):
        answer = "ACK/" if stat == "ACCEPTD" else f"id:{carrier_id} stat:{stat} err:{err} text:"
        filled = {"%d": self.KINDS[stat], "%F": carrier_id, "%A": quote(answer), "%T": "1774751460"}
        url = heard.dlr_url
        for escape, value in filled.items():
            url = url.replace(escape, value)
        return Report(url)


class Http2smsVoice:
    """As this program answers, and calls a callback back by GET."""

    CODES = {"ACCEPTD": ("3", "8"), "DELIVRD": ("4", "1"), "EXPIRED": ("24", "2")}
    CODES |= {"UNDELIV": ("23", "2")}

    def __init__(self, callback: str):
        self._callback = callback

    def hear(self, call):
        values = call.form
        if values["password"] != PASSWORD:
            raise Stranger
        return Heard(
            reference=values["idempotencyKey"],
            msisdn=values["to"],
            sender=values["from"],
            text=values["message"],
            values=values,
            is_known_again=True,
        )

    def taken(self, carrier_id):
        number = str(int(carrier_id, 16))
        ids = {"smsIds": [number], "SmsIds": [number]}
        return Said(200, json.dumps({"status": 100, **ids, "creditLeft": "1987.00"}))

    def busy(self):
        told = {"status": 429, "message": "Too many messages"}
        return Said(429, json.dumps(told), {"Retry-After": "7"})

    def refused(self, *, strangely):
        if strangely:
            return Said(200, '{"status": 241, "message": "Sms sender PANEL does not exists"}')
        return Said(200, '{"status": 202, "message": "Invalid receiver 33639985023"}')

    def stranger(self):
        return Said(200, '{"status": 202, "message": "Invalid credentials"}')

    def report(self, heard, carrier_id, stat, err):
        ptt, dlr_id = self.CODES[stat]
        values = {"id": int(carrier_id, 16), "ptt": ptt, "date": "2026-03-29 02:31:00"}
        values |= {"description": dlr_id, "descriptionDlr": "x", "dlr": dlr_id}
        return Report(f"{self._callback}?{urlencode({**values, 'tag': heard.values['tag']})}")


class JsonVoice:
    """A provider with JSON both ways, as many are."""

    def hear(self, call):
        if call.headers["Authorization"] != f"Bearer {PASSWORD}":
            raise Stranger
        said = json.loads(call.body)
        return Heard(
            reference=said["ref"],
            msisdn=said["to"].removeprefix("+"),
            sender=said["from"],
            text=said["text"],
            values=said,
            dlr_url=said["callback"],
        )

    def taken(self, carrier_id):
        return Said(200, json.dumps({"messages": [{"id": carrier_id, "status": 0}]}))

    def busy(self):
        return Said(200, '{"messages": [{"status": 1}]}')

    def refused(self, *, strangely):
        return Said(200, json.dumps({"messages": [{"status": 76 if strangely else 6}]}))

    def stranger(self):
        return Said(401, '{"error": "unauthorised"}')

    def report(self, heard, carrier_id, stat, err):
        words = {"ACCEPTD": "accepted", "DELIVRD": "delivered", "EXPIRED": "expired"}
        report = {"messageId": carrier_id, "status": words.get(stat, "failed"), "err": err}
        body = json.dumps({"results": [report]}).encode()
        return Report(heard.dlr_url, body, "application/json")
