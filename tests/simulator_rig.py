"""A real simulated carrier, and a panel that does nothing but write down what the carrier calls."""

import json
import socket
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import urllib3

from sms_accounts.carriers.base import Submit
from sms_accounts.carriers.simulated_smsc import SimulatedSmsc
from sms_accounts.carriers.simulator import Simulator
from tests.carriers.contract import Numbers

SECRET = "between-panel-and-carrier"
PATIENCE = 10


def make_submit(
    *,
    msisdn="33639980004",
    sender="PANEL",
    reference=None,
    text="Hello",
    coding="gsm7",
    part=1,
    parts=1,
    validity=None,
):
    return Submit(
        reference=reference or str(uuid4()),
        msisdn=msisdn,
        sender=sender,
        text=text,
        coding=coding,
        part=part,
        parts=parts,
        concat_reference=7,
        validity=validity,
    )


def unused_port():
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(true, *, reason):
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, reason
        time.sleep(0.005)


class DlrReceiver:
    """The panel's endpoints for DLRs and replies: keeps each call, and can be told to fail."""

    def __init__(self):
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.replies: list[tuple[dict[str, str], bytes]] = []
        self.refused = 0
        self.failing = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.failing:
                    receiver.refused += 1
                    self.send_response(503)
                else:
                    is_reply = self.path.startswith("/received/")
                    kept = receiver.replies if is_reply else receiver.calls
                    kept.append((dict(self.headers), body))
                    self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/dlr/simulator/"
        self.reply_url = f"http://127.0.0.1:{self._server.server_port}/received/simulator/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class SimulatorRig:
    """The simulated carrier as the contract of all carriers wants to handle it."""

    numbers = Numbers(
        delivered="33639980004",
        failed={"33639980024": 24, "33639980023": 23},
        rejected={"33639985023": 23, "33639985076": 76},
        busy_twice="33639986004",
        unanswered="33639987004",
        early="33639982004",
    )
    malformed = (
        b"",
        b"not JSON",
        b"\xff\xfe",
        b"{}",
        b"null",
        b"[1]",
        b"[{}]",
        b'[{"ref": "a"}]',
        b'[{"stat": "DELIVRD", "err": "000"}]',
        b'[{"ref": 1, "stat": "DELIVRD"}]',
        b'[{"ref": "\\u0000", "stat": "DELIVRD"}]',
        b'[{"ref": "' + b"a" * 37 + b'", "stat": "DELIVRD"}]',
        b'[{"ref": "a", "stat": "DELIVRD", "done_at": "yesterday"}]',
        b'[{"ref": "a", "stat": "DELIVRD", "done_at": "2026-01-01T00:00:00"}]',
        b"[" * 100_000,
    )

    def __init__(self, folder, *, pace=0.0):
        self.receiver = DlrReceiver()
        self._folder = folder
        self._pace = pace
        self._port = 0
        self._smsc = None
        self.start()
        self.carrier = Simulator(url=self.url, secret=SECRET)
        self.stranger = Simulator(url=self.url, secret="wrong")
        self._connection = urllib3.connection_from_url(self.url, retries=False)

    def start(self):
        self._smsc = SimulatedSmsc(
            host="127.0.0.1",
            port=self._port,
            state=self._folder / "state.sqlite3",
            dlr_url=self.receiver.url,
            reply_url=self.receiver.reply_url,
            secret=SECRET,
            pace=self._pace,
        )
        self._smsc.__enter__()
        self.url = self._smsc.url
        self._port = int(self.url.rsplit(":", 1)[1])

    def stop(self):
        if self._smsc:
            self._smsc.__exit__(None, None, None)
        self._smsc = None

    def close(self):
        self.receiver.close()
        self.stop()
        self._connection.close()

    def hold_dlrs(self):
        self.receiver.failing = True

    def release_dlrs(self):
        self.receiver.failing = False

    def shown(self):
        """What the first call of the carrier showed of itself: its headers, and a secret."""
        headers, _body = self.receiver.calls[0]
        return headers, ""

    def arrived(self):
        return [
            dlr
            for headers, body in list(self.receiver.calls)
            if self.carrier.authorised(headers)
            for dlr in self.carrier.parse_dlrs(body, headers)
        ]

    def wait_for_dlrs(self, count):
        wait_until(
            lambda: len(self.arrived()) >= count,
            reason=f"{count} DLRs expected, came: {self.arrived()}",
        )
        return self.arrived()

    def times_on_air(self, reference):
        page = self.log()
        return sum(each["sent"] for each in page["submits"] if each["ref"] == reference)

    def log(self, *, after=0):
        response = self._connection.request(
            "GET", f"/log?after={after}", headers={"Authorization": f"Bearer {SECRET}"}
        )
        return json.loads(response.data)
