"""The receivers of docs/callbacks.md, run as they stand there against the panel's own calls."""

import contextlib
import re
import socket
import sqlite3
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from sms_accounts import callback_secrets, callbacks
from sms_accounts.models import ApiUser, Callback
from tests import others
from tests.factories import make_api_user, make_callback, make_message
from tests.simulator_rig import unused_port, wait_until

pytestmark = pytest.mark.django_db

GUIDE = Path(django_settings.BASE_DIR) / "docs" / "callbacks.md"


def program(name: str) -> str:
    marked = GUIDE.read_text().split(f"<!-- {name} -->\n")[1].split(f"\n<!-- /{name} -->")[0]
    return re.sub(r"^```\w*\n|\n```$", "", marked)


def command(name: str, port: int) -> list[str]:
    if name == "receiver.php":
        return [others.php(), "-S", f"127.0.0.1:{port}", name]
    return [sys.executable, "-I", name, str(port)]


@pytest.fixture(autouse=True)
def trusted(settings):
    settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]


@pytest.fixture(params=["receiver.php", "receiver.py"])
def running(request, tmp_path):
    """A receiver that runs, its user, and what it has stored."""
    port = unused_port()
    started = command(request.param, port)
    user = make_api_user(callback=f"http://127.0.0.1:{port}/dlr?shop=%2f1")
    (tmp_path / request.param).write_text(program(request.param))
    database = tmp_path / "sms.sqlite3"
    environment = {
        "CALLBACK_SECRET": callback_secrets.renew(user, by=None),
        "CALLBACK_DATABASE": str(database),
    }
    process = subprocess.Popen(started, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_open(port), reason="the receiver listens")
        yield user, lambda: stored(database)
    finally:
        process.kill()
        process.wait()


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def stored(database) -> list[tuple[int, ...]]:
    if not database.exists():
        return []
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT id, sequence, ptt, dlr FROM sms ORDER BY id").fetchall()


@pytest.mark.parametrize("method", ApiUser.CallbackMethod)
def test_stores_what_it_is_told_and_nothing_late(running, method):
    user, stored = running
    ApiUser.objects.filter(pk=user.pk).update(callback_method=method)
    message = make_message(user=user, tag="d'été")
    told = {"message": message, "api_user": user}
    first = make_callback(user.callback_url, sequence=1, ptt=3, state="enroute", **told)
    make_callback(user.callback_url, sequence=2, **told)
    callbacks.call_due()
    assert stored() == [(message.pk, 2, 4, 1)]

    # The first one again, after the second.
    Callback.objects.filter(pk=first.pk).update(done_at=None)
    assert callbacks.call_due() == 1

    assert stored() == [(message.pk, 2, 4, 1)]
    assert not Callback.objects.filter(done_at=None).exists()


def test_refuses_what_another_secret_signed(running):
    user, stored = running
    callback_secrets.renew(user, by=None)
    callback_secrets.renew(user, by=None)
    callback = make_callback(user.callback_url, api_user=user)

    callbacks.call_due()

    assert callback.attempts.get().status == 401
    assert stored() == []


@pytest.mark.parametrize("name", ["receiver.php", "receiver.py"])
def test_has_thirty_lines_or_so(name):
    assert sum(map(bool, program(name).splitlines())) <= 36
