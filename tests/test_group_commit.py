"""Those who come at the same time are stored together, and each gets what came of his own."""

import asyncio
import threading
import time
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import OperationalError

from sms_accounts import group_commit
from sms_accounts.group_commit import Group, Outbox

Outcomes = dict[int, str | Exception]


class Store:
    """A store whose first call waits until it is told to go on."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.threads: list[str] = []
        self.is_storing = threading.Event()
        self.may_go_on = threading.Event()

    def __call__(self, items: Sequence[int]) -> list[str]:
        self.batches.append(list(items))
        self.threads.append(threading.current_thread().name)
        self.is_storing.set()
        assert self.may_go_on.wait(10)
        if 13 in items:
            raise ValueError("13")
        if 99 in items:
            raise OperationalError("away")
        return [f"stored {item}" for item in items]


@pytest.fixture
def store():
    return Store()


def take(group: Group[int, str], items: Sequence[int]) -> tuple[list[threading.Thread], Outcomes]:
    """Bring each item in a thread of its own; return the threads, and what comes of the items."""
    outcomes: Outcomes = {}

    def bring(item: int) -> None:
        try:
            outcomes[item] = group.take(item)
        except (ValueError, OperationalError) as failure:
            outcomes[item] = failure

    threads = [threading.Thread(target=bring, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    return threads, outcomes


def take_while_another_is_stored(store: Store, items: Sequence[int]) -> Outcomes:
    """Bring the first item, the others while that is being stored, and let all go on."""
    group = Group(store)
    first, outcome = take(group, items[:1])
    assert store.is_storing.wait(10)
    others, outcomes = take(group, items[1:])
    while len(group._queue) < len(items) - 1:
        threading.Event().wait(0.001)
    store.may_go_on.set()
    for thread in (*first, *others):
        thread.join(10)
    return outcome | outcomes


def test_who_comes_alone_is_stored_at_once_by_his_own_thread(store):
    store.may_go_on.set()

    assert Group(store).take(1) == "stored 1"

    assert store.threads == [threading.current_thread().name]


def test_who_comes_meanwhile_is_stored_together_in_the_order_of_coming(store):
    outcomes = take_while_another_is_stored(store, [1, 2, 3, 4])

    assert store.batches[0] == [1]
    assert sorted(store.batches[1]) == [2, 3, 4]
    assert outcomes == {item: f"stored {item}" for item in (1, 2, 3, 4)}


class TestThoseWhoComeAgain:
    """Three were stored last, and one has come meanwhile."""

    @pytest.fixture
    def started(self):
        """Rings whenever something is being stored."""
        return threading.Semaphore(0)

    @pytest.fixture
    def may_end(self):
        return threading.Semaphore(0)

    @pytest.fixture
    def batches(self):
        return []

    @pytest.fixture
    def group(self, started, may_end, batches):
        def store(items):
            batches.append(sorted(items))
            started.release()
            assert may_end.acquire(timeout=10)
            return [f"stored {item}" for item in items]

        group = Group(store)
        take(group, [1])
        assert started.acquire(timeout=10)
        self.queue(group, [2, 3, 4])
        may_end.release()
        assert started.acquire(timeout=10)
        self.queue(group, [5])
        return group

    def queue(self, group, items):
        before = len(group._queue)
        take(group, items)
        while len(group._queue) < before + len(items):
            threading.Event().wait(0.001)

    def test_are_stored_with_him(self, group, started, may_end, batches, monkeypatch):
        monkeypatch.setattr(group_commit, "LONGEST_GATHERING", timedelta(seconds=20))
        monkeypatch.setattr(group_commit, "PART_OF_STORING", 1_000_000)

        may_end.release()
        assert not started.acquire(timeout=0.05)
        self.queue(group, [6, 7])
        assert not started.acquire(timeout=0.05)
        take(group, [8])

        assert started.acquire(timeout=10)
        assert batches == [[1], [2, 3, 4], [5, 6, 7, 8]]
        may_end.release()

    def test_are_not_waited_for_long(self, group, started, may_end, batches):
        began = time.monotonic()
        may_end.release()

        assert started.acquire(timeout=10)
        assert batches == [[1], [2, 3, 4], [5]]
        assert time.monotonic() - began < 5
        may_end.release()


def test_what_cannot_be_stored_is_not_the_trouble_of_the_others(store):
    outcomes = take_while_another_is_stored(store, [1, 12, 13, 14])

    assert isinstance(outcomes.pop(13), ValueError)
    assert outcomes == {item: f"stored {item}" for item in (1, 12, 14)}


def test_a_database_that_is_away_is_told_to_each_and_asked_once(store):
    outcomes = take_while_another_is_stored(store, [1, 98, 99, 100])

    failures = [outcomes[item] for item in (98, 99, 100)]
    assert all(isinstance(failure, OperationalError) for failure in failures)
    assert len({id(failure) for failure in failures}) == 3
    assert len(store.batches) == 2


def test_goes_on_after_a_failure(store):
    store.may_go_on.set()
    group = Group(store)
    with pytest.raises(ValueError, match="13"):
        group.take(13)

    assert group.take(1) == "stored 1"


def test_coroutines_wait_without_a_thread_of_their_own(store):
    store.may_go_on.set()
    group = Group(store)

    async def bring_all():
        outbox = Outbox(asyncio.get_running_loop())
        return await asyncio.gather(*(group.take_from(item, outbox) for item in range(20, 70)))

    assert asyncio.run(bring_all()) == [f"stored {item}" for item in range(20, 70)]
    assert set(store.threads) == {"group-commit_0"}
    assert len(store.batches) < 50


def test_who_comes_when_all_is_stored_does_not_meet_another_who_stores(store, monkeypatch):
    """The last look at the queue and the next who comes are put one upon the other."""
    store.may_go_on.set()
    group = Group(store)
    began: list[int] = []
    inner = group._lock

    class Lock:
        def __enter__(self):
            return inner.__enter__()

        def __exit__(self, *given):
            inner.__exit__(*given)
            # Right after the one who stored alone has found the queue empty.
            if not group._is_storing and not began:
                began.append(1)
                group._is_storing = True

    started: list[object] = []
    monkeypatch.setattr(group, "_lock", Lock())
    monkeypatch.setattr(group._thread, "submit", started.append)

    assert group.take(1) == "stored 1"
    assert started == []
