"""The SMS gateway Kannel, with whatever is to be its SMSC."""

import subprocess
import time
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode

from tests import others
from tests.clients.conftest import Account
from tests.simulator_rig import unused_port

PASSWORD = "kannel"
CONFIGURATION = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {secret}
smsbox-port = {inner}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
log-level = 4
sms-resend-freq = 1

{smsc}

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {outer}
sendsms-interface = 127.0.0.1
log-level = 4

group = sendsms-user
username = alice
password = {secret}
max-messages = 9
concatenation = true
"""
# As docs/replies.md has it: whatever a phone sends goes to the panel.
REPLIES = """
group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "{address}?from=%p&to=%P&text=%b&charset=%C&id=%I"
"""
# As its user guide has it for a generic SMSC: %P is the sender, %p the receiver, %b the text.
HTTP2SMS = """
group = smsc
smsc = http
smsc-id = panel
system-type = generic
port = {reports}
send-url = "{url}?{query}&from=%P&to=%p&message=%b&noStop=1"
status-success-regex = "^OK"
status-permfail-regex = "^KO"
generic-foreign-id-regex = "^OK[^0-9]+[0-9.]+[^0-9]+([0-9]+)"
"""
SMPP = """
group = smsc
smsc = smpp
smsc-id = panel
host = 127.0.0.1
port = {port}
transceiver-mode = true
smsc-username = panel
smsc-password = {password}
system-type = ""
reconnect-delay = 1
"""


def over_http2sms(account: Account, *, password: str) -> str:
    """Return the configuration of a panel as its SMSC."""
    return HTTP2SMS.format(
        reports=unused_port(),
        url=account.url,
        query=f"account={account.name}&login={account.login}&password={password}",
    )


def over_smpp(port: int, *, password: str, replies_to: str = "") -> str:
    """Return the configuration of an SMSC on this machine, and where replies are to go."""
    replies = REPLIES.format(address=replies_to) if replies_to else ""
    return SMPP.format(port=port, password=password) + replies


class Kannel:
    """To be used in a `with`: both its boxes, on free ports, in a folder of their own."""

    def __init__(self, folder: Path, smsc: str):
        self._folder = folder
        self._outer = unused_port()
        self._admin = unused_port()
        (folder / "kannel.conf").write_text(
            CONFIGURATION.format(
                admin=self._admin,
                inner=unused_port(),
                outer=self._outer,
                secret=PASSWORD,
                smsc=smsc,
            )
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._outer}/cgi-bin/sendsms"

    def __enter__(self) -> "Kannel":
        with ExitStack() as boxes:
            self._start(boxes, "bearerbox", until="(online")
            self._start(boxes, "smsbox", until="smsbox:(none)")
            self._boxes = boxes.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._boxes.close()

    def send(self, **parameters: str) -> str:
        query = urlencode({"username": "alice", "password": PASSWORD, **parameters})
        with urllib.request.urlopen(f"{self.url}?{query}", timeout=20) as answer:
            said: str = answer.read().decode()
        return said

    def _start(self, boxes: ExitStack, name: str, *, until: str) -> None:
        """Start a box, and wait until the status page has this sign of it."""
        process = subprocess.Popen(
            [others.program(name), "kannel.conf"],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        boxes.callback(process.wait, 20)
        boxes.callback(process.terminate)
        page = f"http://127.0.0.1:{self._admin}/status.txt?password={PASSWORD}"
        deadline = time.monotonic() + 20
        status = ""
        while until not in status:
            assert time.monotonic() < deadline, status
            time.sleep(0.1)
            with suppress(URLError, ConnectionError):
                status = urllib.request.urlopen(page, timeout=5).read().decode()
