"""The receiver of docs/replies.md, run as it stands there against the panel's own calls."""

import contextlib
import re
import sqlite3
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from sms_accounts import api_users, callback_secrets, callbacks
from sms_accounts.models import Callback
from tests.factories import MSISDN
from tests.replied import came, make_sent, make_user
from tests.simulator_rig import unused_port, wait_until
from tests.test_callback_guide import is_open

pytestmark = pytest.mark.django_db

GUIDE = Path(django_settings.BASE_DIR) / "docs" / "replies.md"


@pytest.fixture
def running(tmp_path, settings):
    """The receiver that runs, its user, and its database."""
    settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]
    marked = GUIDE.read_text().split("<!-- replies.py -->\n")[1].split("\n<!-- /replies.py -->")[0]
    (tmp_path / "replies.py").write_text(re.sub(r"^```\w*\n|\n```$", "", marked))
    port, user, database = unused_port(), make_user(), tmp_path / "replies.sqlite3"
    api_users.set_callback(user, "", replies_url=f"http://127.0.0.1:{port}/sms?shop=%2f1", by=None)
    environment = {
        "CALLBACK_SECRET": callback_secrets.renew(user, by=None),
        "CALLBACK_DATABASE": str(database),
    }
    process = subprocess.Popen(
        [sys.executable, "-I", "replies.py", str(port)],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: is_open(port), reason="the receiver listens")
        yield user, database
    finally:
        process.kill()
        process.wait()


def stored(database):
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT * FROM replies").fetchall()


def test_stores_each_reply_once_and_refuses_what_another_signed(running):
    user, database = running
    make_sent(user)
    received = came("Ça va & co")

    callbacks.call_due()
    Callback.objects.update(done_at=None)
    callbacks.call_due()
    assert stored(database) == [(str(received.pk), 1, MSISDN, "Ça va & co")]

    callback_secrets.end_all(user, by=None)
    came("forged")
    callbacks.call_due()
    assert Callback.objects.latest("pk").attempts.get().status == 401
    assert len(stored(database)) == 1
