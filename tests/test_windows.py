"""What is under way to a carrier comes back to a worker in groups that are worth storing."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import cast

import pytest

from sms_accounts import delivery, handover
from sms_accounts.handover import Errand, Window
from sms_accounts.models import Message
from tests.factories import make_message
from tests.scripted_carrier import installed
from tests.simulator_rig import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


class TestWindow:
    def test_wakes_for_the_first_that_is_back_and_for_half_of_all(self, carrier, monkeypatch):
        may_end, woken = threading.Semaphore(0), threading.Semaphore(0)
        # Nobody is kept, also where this fails.
        monkeypatch.setattr(Window, "__exit__", lambda *_: may_end.release(8))
        monkeypatch.setattr(handover, "hand_over", lambda *_: may_end.acquire() and None)
        carrier.window = 8

        with Window(carrier, wake=woken.release) as window:
            window.send(Errand(message=Message(), attempts=[]) for _ in range(8))

            may_end.release()
            assert woken.acquire(timeout=5)
            may_end.release(2)
            wait_until(lambda: window._ended.qsize() == 3, reason="three are back")
            assert not woken.acquire(timeout=0.05)
            may_end.release()
            assert woken.acquire(timeout=5)
            assert len(window.ended()) == 4
            # After a look the next one is the first again.
            may_end.release()
            assert woken.acquire(timeout=5)

    @pytest.mark.parametrize(
        ("is_half_back", "took", "least", "most"),
        [(False, 0.05, 0.05, 10), (False, 3600, 0.1, 10), (True, 5, 0, 5)],
        ids=["storing takes a while", "storing is very slow", "half is back"],
    )
    def test_is_given_as_long_as_storing_took(self, is_half_back, took, least, most):
        window = cast("Window", SimpleNamespace(is_half_back=is_half_back))
        began = time.monotonic()

        delivery.gather(window, threading.Event(), longest=took)

        assert least <= time.monotonic() - began < most

    def test_gathers_no_longer_than_until_half_is_back(self):
        rung = threading.Event()
        window = SimpleNamespace(is_half_back=False)

        def come_back():
            rung.set()
            window.is_half_back = True
            rung.set()

        with ThreadPoolExecutor(1) as pool:
            gathering = pool.submit(delivery.gather, cast("Window", window), rung, longest=60)
            come_back()
            gathering.result(timeout=10)

    def test_that_gets_no_more_threads_does_not_keep_a_process_that_is_ending(
        self, carrier, monkeypatch
    ):
        make_message()

        def submit(*_given):
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")

        monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)

        with pytest.raises(RuntimeError, match="shutdown"):
            delivery.deliver_due()

        assert carrier.submits == []
