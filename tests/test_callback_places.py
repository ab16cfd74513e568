"""A place calls several of an endpoint that answers well, and nobody waits for one in trouble."""

import contextlib
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from django.utils import timezone

from sms_accounts import callback_lines, callback_results, callbacks
from sms_accounts.outbound_connections import Connections
from tests.factories import make_message
from tests.test_callback_isolation import many

pytestmark = pytest.mark.django_db


class TestLines:
    def test_give_a_place_several_to_call_where_many_wait(self):
        of_all_places = callback_lines.AHEAD * callback_lines.OF_ONE_URL
        many("https://good.example/", make_message(), 1 + of_all_places)
        lines = callback_lines.Lines()
        callbacks._claim(lines)
        [first] = lines.next_calls()
        assert lines.along_with(first) == []
        lines.ended(first, callback_lines.Standing.GOOD)
        callbacks._claim(lines)

        # Of those that are taken, each place has its share, and no more than a few.
        firsts = lines.next_calls()
        of_places = [[first, *lines.along_with(first)] for first in firsts]
        assert [len(each) for each in of_places] == [
            1 + callback_lines.MOST_ALONG
        ] * callback_lines.OF_ONE_URL
        line = lines.line_of(first)
        assert line.taken == line.most_taken

        # What a place leaves is the next to be called; the others have ended, each by itself.
        called, left = of_places[0][:3], of_places[0][3:]
        lines.came_back(called, left)
        assert line.taken == line.most_taken
        for callback in called:
            assert lines.ended(callback, callback_lines.Standing.GOOD) == []
        assert line.taken == line.most_taken - len(called)
        assert lines.next_calls() == left[:1]

        # A failure puts back what waits, and not what other places have.
        lines.came_back(of_places[1], [])
        put_back = lines.ended(of_places[1][0], callback_lines.Standing.FAILING)
        assert set(put_back) >= set(left[1:])
        assert not set(put_back) & {callback for each in of_places[2:] for callback in each}

    def test_take_no_more_ahead_than_all_places_make_while_the_claims_last(self):
        message = make_message()
        lines = callback_lines.Lines()
        of_one = callback_lines.AHEAD * callback_lines.OF_ONE_URL
        that_fill_it = callback_lines.PLACES // callback_lines.OF_ONE_URL
        urls = [f"https://good{number:02}.example/" for number in range(that_fill_it + 2)]
        for number, url in enumerate(urls):
            many(url, message, 1, start=number * 1_000)
        callbacks._claim(lines)
        for first in lines.next_calls():
            lines.ended(first, callback_lines.Standing.GOOD)

        for number, url in enumerate(urls):
            many(url, message, of_one, start=number * 1_000 + 1)
        for _ in range(20):
            callbacks._claim(lines)

        taken = Counter(line.taken for line in lines._lines.values())
        assert taken == {of_one: that_fill_it, callback_lines.OF_ONE_URL: 2}


class TestPlace:
    @pytest.mark.parametrize(
        ("third", "expected"),
        [("good", 8), ("slow", 3), ("refused", 3), ("fault", 3), ("late", 3)],
    )
    def test_makes_no_call_after_one_that_has_trouble(self, monkeypatch, third, expected):
        now, clock = timezone.now(), [0.0]
        quick, slow = timedelta(milliseconds=5), callback_lines.SLOW + timedelta(seconds=0.1)

        def call(number, _connections):
            if number != 3:
                return callback_results.Outcome(at=now, duration=quick, status=200)
            if third == "fault":
                raise ValueError
            clock[0] += callbacks.LONGEST_RUN.total_seconds() + 0.1 if third == "late" else 0
            duration = slow if third == "slow" else quick
            return callback_results.Outcome(
                at=now, duration=duration, status=500 if third == "refused" else 200
            )

        monkeypatch.setattr(callbacks, "_call", call)
        monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: clock[0]))

        orders = cast("list[callbacks._Order]", list(range(1, 9)))
        with contextlib.closing(Connections()) as connections:
            outcomes = callbacks._call_one_after_the_other(orders, connections)

        assert len(outcomes) == expected
        assert outcomes[-1].is_fault == (third == "fault")
