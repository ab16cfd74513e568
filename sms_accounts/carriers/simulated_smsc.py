"""A carrier for trying things out, a program of its own; alone answers submits and sends DLRs back.

It knows the panel only by HTTP calls: `POST /submit`, which it answers, and the URLs for DLRs and
for replies, which it calls. `GET /log` tells what it has seen. All of them carry
`Authorization: Bearer SECRET`.
"""

import hmac
import json
import math
import socket
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from time import monotonic
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import structlog

from sms_accounts.carriers import simulated_numbers
from sms_accounts.carriers.base import OutcomeUnknown, TryLater
from sms_accounts.carriers.http.wire import Line, Request
from sms_accounts.carriers.simulated_air import fits
from sms_accounts.carriers.simulated_numbers import Behaviour, Plan
from sms_accounts.carriers.simulated_state import Pending, State, Taking, Verdict

log = structlog.get_logger(__name__)

_LANES = 4
_DLRS_A_CALL = 100
_SUBMITS_A_PAGE = 1000
_LONGEST_BODY = 64 * 1024
_GATHERING = timedelta(milliseconds=250)
_FIRST_WAIT = timedelta(milliseconds=100)
_LONGEST_WAIT = timedelta(seconds=5)
_ANSWER_WITHIN = timedelta(seconds=8)
_LONGEST_EARLY = timedelta(seconds=3)


class SimulatedSmsc:
    """The carrier: a listener and its lanes of DLRs over one state. Use it as a context manager.

    `pace` stretches every wait; with 0 all happens at once. Without a `reply_url` no phone answers.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        state: Path,
        dlr_url: str,
        secret: str,
        reply_url: str = "",
        pace: float = 1.0,
    ) -> None:
        self.secret = secret
        self.pace = pace
        self.stopping = threading.Event()
        # The port first: where it is taken, the state must not be left locked.
        self._listener = _Listener(host, port, self)
        try:
            self.state = State(state, lanes=_LANES)
        except BaseException:
            self._listener.server_close()
            raise
        self._lanes = [_Lane(number, self, dlr_url) for number in range(_LANES)]
        self._takes_replies = bool(reply_url)
        if reply_url:
            self._lanes.append(_Lane(self.state.lane_of_replies, self, reply_url))
        self._serving = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.1}, name="listener"
        )

    @property
    def url(self) -> str:
        host, port = self._listener.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        for lane in self._lanes:
            lane.thread.start()
        self._serving.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._listener.shutdown()
        self._serving.join()
        self._listener.hang_up()
        for lane in self._lanes:
            lane.wake()
            lane.thread.join()
        self.state.close()

    def take(self, wire: Mapping[str, Any]) -> tuple[Taking, Plan]:
        """Take one submit and see that its DLRs go out in time."""
        plan = simulated_numbers.plan(
            msisdn=wire["to"],
            reference=wire["ref"],
            part=wire["part"],
            parts=wire["parts"],
            text=wire["text"],
        )
        if not self._takes_replies:
            plan = replace(plan, reply="")
        now = datetime.now(UTC)
        taking = self.state.take(
            reference=wire["ref"], wire=wire, plan=plan, pace=self.pace, now=now
        )
        log.debug("submit", verdict=taking.verdict.name, reference=wire["ref"], to=wire["to"][-3:])
        if taking.verdict is Verdict.TAKEN and plan.reports:
            first_due_at = now + min(report.after for report in plan.reports) * self.pace
            self._lanes[self.state.lane_of(taking.number)].expect(first_due_at)
        if taking.verdict is Verdict.TAKEN and plan.reply:
            self._lanes[-1].expect(now + plan.reply_after * self.pace)
        return taking, plan

    def wait_as_planned(self, taking: Taking, plan: Plan) -> None:
        """Let the time pass that the answer takes; for an early DLR, until the panel has it."""
        self.stopping.wait((plan.answer_after * self.pace).total_seconds())
        if plan.behaviour is not Behaviour.EARLY or taking.verdict is not Verdict.TAKEN:
            return
        until = monotonic() + _LONGEST_EARLY.total_seconds()
        while monotonic() < until and self.state.pending_of(taking.number):
            if self.stopping.wait(0.01):
                return


class _Lane:
    """A thread that sends its share of the DLRs, or all replies, in order, until each is taken."""

    def __init__(self, number: int, smsc: SimulatedSmsc, url: str) -> None:
        self.thread = threading.Thread(target=self._run, name=f"lane-{number}")
        self._number = number
        self._smsc = smsc
        self._url = url
        self._line = Line(url, answer_within=_ANSWER_WITHIN)
        self._woken = threading.Event()
        self._wakes_at = datetime.max.replace(tzinfo=UTC)

    def wake(self) -> None:
        self._woken.set()

    def expect(self, due_at: datetime) -> None:
        """Wake the lane if it would otherwise sleep past this moment."""
        if due_at < self._wakes_at:
            self.wake()

    def _run(self) -> None:
        wait = _FIRST_WAIT
        while not self._smsc.stopping.is_set():
            dlrs = self._smsc.state.due(self._number, now=datetime.now(UTC), at_most=_DLRS_A_CALL)
            if not dlrs:
                self._sleep()
                continue
            if self._are_taken(dlrs):
                self._smsc.state.forget(dlrs)
                wait = _FIRST_WAIT
                # A busy lane gathers what comes next, so that many DLRs share one call.
                self._smsc.stopping.wait((_GATHERING * min(1, self._smsc.pace)).total_seconds())
                continue
            self._smsc.stopping.wait(wait.total_seconds())
            wait = min(2 * wait, _LONGEST_WAIT)

    def _are_taken(self, dlrs: list[Pending]) -> bool:
        """Send DLRs or replies in one call; tell whether the panel took them."""
        headers = (
            ("Authorization", f"Bearer {self._smsc.secret}"),
            ("Content-Type", "application/json"),
        )
        body = "[" + ",".join(dlr.body for dlr in dlrs) + "]"
        request = Request(method="POST", url=self._url, headers=headers, body=body.encode())
        reason: object
        try:
            reason = self._line.call(request).status
        except (TryLater, OutcomeUnknown) as failed:
            reason = str(failed)
        else:
            if 200 <= reason < 300:
                return True
        log.warning("dlrs_not_taken", dlrs=len(dlrs), reason=reason)
        return False

    def _sleep(self) -> None:
        # In this order: whatever is stored from here on either is seen by the query, or finds
        # the moment below too late and wakes the lane.
        self._woken.clear()
        self._wakes_at = datetime.max.replace(tzinfo=UTC)
        next_due_at = self._smsc.state.next_due_at(self._number)
        if self._smsc.stopping.is_set():
            return
        if next_due_at is None:
            self._woken.wait()
            return
        self._wakes_at = next_due_at
        self._woken.wait(max(0.0, (next_due_at - datetime.now(UTC)).total_seconds()))


class _Listener(ThreadingTCPServer):
    """Accepts connections, and can let go of all of them."""

    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 512

    def __init__(self, host: str, port: int, smsc: SimulatedSmsc) -> None:
        self.smsc = smsc
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._connections: set[socket.socket] = set()
        super().__init__((host, port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Let each connection finish the answer it is at, then close."""
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RD)
            except OSError:
                # The other side was quicker.
                continue
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("connection_broke", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One connection of the panel, kept open from one submit to the next."""

    protocol_version = "HTTP/1.1"
    server_version = "simulated-smsc"
    sys_version = ""
    # An answer leaves in one packet and at once.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Listener

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": "at most 64 KiB"})
        elif not self._authorised():
            self._answer(HTTPStatus.UNAUTHORIZED, {"error": "wrong secret"})
        elif self.path != "/submit":
            self._answer(HTTPStatus.NOT_FOUND, {"error": "there is only /submit"})
        else:
            self._submit(body)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/healthz":
            self._answer(HTTPStatus.OK, {"state": "ready"})
        elif not self._authorised():
            self._answer(HTTPStatus.UNAUTHORIZED, {"error": "wrong secret"})
        elif parts.path != "/log":
            self._answer(HTTPStatus.NOT_FOUND, {"error": "there is only /log"})
        else:
            after = parse_qs(parts.query).get("after", ["0"])[-1]
            number = int(after) if after.isdecimal() and len(after) < 19 else 0
            page = self.server.smsc.state.log(after=number, at_most=_SUBMITS_A_PAGE)
            self._answer(HTTPStatus.OK, page)

    def _submit(self, body: bytes) -> None:
        wire = _read_wire(body)
        if wire is None:
            # A carrier refuses what the air cannot carry: this shows our own mistakes.
            refusal = {"stat": "REJECTD", "err": "020"}
            self._answer(HTTPStatus.UNPROCESSABLE_ENTITY, refusal)
            return
        smsc = self.server.smsc
        taking, plan = smsc.take(wire)
        smsc.wait_as_planned(taking, plan)
        if taking.verdict is Verdict.REFUSED:
            refusal = {"stat": "REJECTD", "err": plan.ptt}
            self._answer(HTTPStatus.UNPROCESSABLE_ENTITY, refusal)
        elif taking.verdict is Verdict.BUSY:
            wait = {"Retry-After": str(math.ceil(smsc.pace))}
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "busy"}, headers=wait)
        elif plan.behaviour is Behaviour.UNANSWERED and taking.verdict is Verdict.TAKEN:
            self.close_connection = True
        else:
            self._answer(HTTPStatus.OK, {"id": taking.carrier_message_id})

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or len(length) > 9 or int(length) > _LONGEST_BODY:
            return None
        return self.rfile.read(int(length))

    def _authorised(self) -> bool:
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self.server.smsc.secret}".encode())

    def _answer(
        self,
        status: HTTPStatus,
        answer: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the library's line would hold the query string."""


def _read_wire(body: bytes) -> dict[str, Any] | None:
    """Return a submit with every field checked, or None."""
    try:
        wire = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(wire, dict):
        return None
    words = all(
        isinstance(wire.get(name), str) and 0 < len(wire[name]) <= longest
        for name, longest in (("ref", 36), ("to", 15), ("from", 16), ("text", 1000))
    )
    numbers = all(
        isinstance(wire.get(name), int) and low <= wire[name] <= 255
        for name, low in (("part", 1), ("parts", 1), ("concat", 0))
    )
    if not words or not numbers or wire["part"] > wire["parts"]:
        return None
    if not wire["ref"].isascii() or not (wire["to"].isascii() and wire["to"].isdecimal()):
        return None
    if wire.get("class") not in (None, 0, 1, 2, 3) or not _is_span(wire.get("validity")):
        return None
    if not fits(wire["text"], coding=wire.get("coding"), alone=wire["parts"] == 1):
        return None
    return wire


def _is_span(value: object) -> bool:
    return value is None or (isinstance(value, int) and value > 0)
