"""Workers killed in mid-call: no event is lost, and one that comes again has the id it had."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from sms_accounts import callback_lines, callback_results
from sms_accounts.models import Callback, CallbackAttempt, Message
from tests.factories import make_callback, make_message
from tests.receiver import Receiver
from tests.simulator_rig import wait_until
from tests.sizes import in_full_on

RECEIVERS = 3
EVENTS = in_full_on("postgresql", 300, otherwise=60)
KILLS = in_full_on("postgresql", 10, otherwise=3)

WORKER = """
import sys
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from sms_accounts import callbacks
callbacks.call_due()
"""


@contextlib.contextmanager
def worker():
    """A worker in a process of its own, on the database of the tests."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "panel.settings",
        "CALLBACK_TRUSTED_NETWORKS": "127.0.0.0/8",
        "PANEL_LOG_LEVEL": "ERROR",
    }
    name = str(connection.settings_dict["NAME"])
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, name], env=environment, cwd=settings.BASE_DIR
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.django_db(transaction=True)
def test_lose_no_event():
    came: Counter[str] = Counter()
    counting = threading.Lock()

    def take(request):
        with counting:
            came[request.headers["Webhook-Id"]] += 1
        time.sleep(0.03)

    message = make_message()
    dice = random.Random(3)  # noqa: S311
    with contextlib.ExitStack() as stack:
        receivers = [stack.enter_context(Receiver()) for _ in range(RECEIVERS)]
        for number in range(EVENTS):
            each = copy_of(message)
            make_callback(receivers[number % RECEIVERS].url, message=each)
        for receiver in receivers:
            receiver.before_answer = take
        for _ in range(KILLS):
            before = came.total()
            with worker() as process:
                goal = before + dice.randrange(1, EVENTS // KILLS // 2)
                wait_until(lambda goal=goal: came.total() >= goal, reason="it is in mid-call")
                process.send_signal(signal.SIGKILL)
                process.wait()
            # A minute goes by.
            past = timezone.now() - timedelta(seconds=1)
            Callback.objects.filter(claimed_until__isnull=False).update(claimed_until=past)
        with worker() as process:
            assert process.wait(120) == 0

    assert not Callback.objects.filter(done_at=None).exists()
    assert set(came) == {f"dlr_{pk}_1" for pk in Callback.objects.values_list("message", flat=True)}
    # What was under way when a worker died, or not stored yet, may come again, and nothing else.
    again = sum(count - 1 for count in came.values())
    places = RECEIVERS * callback_lines.MOST_OF_ONE_URL
    assert again <= KILLS * (
        places * (1 + callback_lines.MOST_ALONG) + callback_results.STORED_AT_ONCE
    )
    assert CallbackAttempt.objects.count() == EVENTS


def copy_of(message: Message) -> Message:
    return Message.objects.create(
        account_id=message.account_id,
        submission_id=message.submission_id,
        msisdn=message.msisdn,
        credits=0,
        due_at=message.due_at,
        state_since=message.due_at,
    )
