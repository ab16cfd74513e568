"""Guessers of passwords: stopped before the slow hash, and never in the owner's way."""

import contextlib
import ipaddress
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from sms_accounts import credentials, guesses
from tests.factories import API_PASSWORD, make_account, make_api_user
from tests.races import at_once
from tests.sign_ins import WRONG, note_call, sign_in, slow_hashes

pytestmark = pytest.mark.django_db


class TestGuesser:
    @pytest.fixture(autouse=True)
    def stopped_clock(self):
        # Spans follow each other by the clock: none must end in the midst of a test.
        with time_machine.travel("2026-11-24 12:00:01Z", tick=False):
            yield

    def tries(self, user, times, *, address=None, password=WRONG):
        """Try so many times, from one address or each time from another; return the outcomes."""
        outcomes = []
        for number in range(times):
            place = address or f"198.51.{number // 250}.{number % 250}"
            try:
                sign_in(user.account.name, user.login, password, address=place)
                outcomes.append("checked")
            except guesses.TooManyTries:
                outcomes.append("refused")
        return outcomes

    def test_at_one_address_is_stopped_before_the_slow_hash(self, monkeypatch):
        user = make_api_user()
        checks = slow_hashes(monkeypatch)
        most = guesses.OF_ADDRESS.most

        outcomes = self.tries(user, most + 5, address="192.0.2.1")

        assert outcomes == ["checked"] * most + ["refused"] * 5
        assert len(checks) == 2 * most

    def test_at_many_addresses_is_stopped_at_the_login(self):
        user = make_api_user()

        outcomes = self.tries(user, guesses.OF_LOGIN.most + 5)

        assert outcomes.count("checked") == guesses.OF_LOGIN.most

    def test_of_many_logins_at_many_addresses_is_stopped_in_all(self, monkeypatch):
        users = [make_api_user() for _ in range(3)]
        monkeypatch.setattr(guesses, "OF_ALL", replace(guesses.OF_ALL, most=60))

        outcomes = [outcome for user in users for outcome in self.tries(user, 30)]

        assert outcomes.count("checked") == 60

    def test_within_one_network_of_version_6_has_one_address(self):
        user = make_api_user()

        for number in range(guesses.OF_ADDRESS.most):
            sign_in(user.account.name, user.login, WRONG, address=f"2001:db8::{number:x}")

        with pytest.raises(guesses.TooManyTries):
            sign_in(user.account.name, user.login, WRONG, address="2001:db8::ffff")
        assert self.tries(user, 1, address="2001:db8:0:1::1") == ["checked"]

    @pytest.mark.parametrize("nobody", ["account", "login"])
    def test_of_nobody_is_stopped_like_one_of_somebody(self, nobody):
        user = make_api_user()
        names = {"account": user.account.name, "login": user.login, nobody: "sms-nobody-1"}

        for _ in range(guesses.OF_ADDRESS.most):
            assert sign_in(names["account"], names["login"], WRONG) is None

        with pytest.raises(guesses.TooManyTries):
            sign_in(names["account"], names["login"], WRONG)

    def test_does_not_lock_the_owner_out_of_a_known_address(self):
        user = make_api_user()
        note_call(user, "192.0.2.9")
        self.tries(user, guesses.OF_LOGIN.most + 20)

        from_elsewhere = self.tries(user, 1, address="203.0.113.1", password=API_PASSWORD)
        from_home = self.tries(user, 1, address="192.0.2.9", password=API_PASSWORD)

        assert (from_elsewhere, from_home) == (["refused"], ["checked"])

    def test_does_not_lock_the_owner_out_of_an_address_in_the_restrictions(self):
        user = make_api_user(restrictions=["192.0.2.0/28"])
        self.tries(user, guesses.OF_LOGIN.most + 20)

        assert sign_in(user.account.name, user.login, API_PASSWORD, address="192.0.2.9")

    def test_at_a_known_address_is_stopped_too(self):
        user = make_api_user()
        note_call(user, "192.0.2.9")
        most = guesses.OF_KNOWN_LOGIN.most

        outcomes = self.tries(user, most + 5, address="192.0.2.9")

        assert outcomes == ["checked"] * most + ["refused"] * 5

    def test_of_many_logins_at_a_known_address_is_stopped_too(self, monkeypatch):
        few = replace(guesses.OF_KNOWN_ADDRESS, most=25)
        monkeypatch.setattr(guesses, "OF_KNOWN_ADDRESS", few)
        account = make_account()
        users = [make_api_user(account=account) for _ in range(3)]
        note_call(users[0], "192.0.2.9")

        outcomes = [
            outcome for user in users for outcome in self.tries(user, 10, address="192.0.2.9")
        ]

        assert outcomes.count("checked") == 25

    def test_by_an_old_script_does_not_stop_the_others_beside_it(self):
        account = make_account()
        old, busy, new = (make_api_user(account=account) for _ in range(3))
        note_call(busy, "192.0.2.9")
        self.tries(old, guesses.OF_ADDRESS.most + 5, address="192.0.2.9")

        assert sign_in(account.name, new.login, API_PASSWORD, address="192.0.2.9") == new

    def test_does_not_know_an_address_by_another_account(self):
        user, other = make_api_user(), make_api_user()
        note_call(other, "192.0.2.9")

        outcomes = self.tries(user, guesses.OF_ADDRESS.most + 5, address="192.0.2.9")

        assert outcomes.count("checked") == guesses.OF_ADDRESS.most

    def test_does_not_stop_a_remembered_password(self):
        user = make_api_user()
        sign_in(user.account.name, user.login, API_PASSWORD, address="192.0.2.1")
        self.tries(user, guesses.OF_LOGIN.most + 20)

        again = sign_in(user.account.name, user.login, API_PASSWORD, address="203.0.113.1")

        assert again == user

    def test_may_go_on_when_the_span_is_over(self):
        user = make_api_user()
        self.tries(user, guesses.OF_ADDRESS.most, address="192.0.2.1")
        with pytest.raises(guesses.TooManyTries) as stopped:
            sign_in(user.account.name, user.login, WRONG, address="192.0.2.1")

        with time_machine.travel(timezone.now() + stopped.value.wait, tick=False):
            assert self.tries(user, 1, address="192.0.2.1") == ["checked"]

    def test_right_passwords_never_count(self, monkeypatch):
        monkeypatch.setattr(credentials, "REMEMBERED_FOR", timedelta(0))
        user = make_api_user()

        outcomes = self.tries(
            user, guesses.OF_LOGIN.most + 5, address="192.0.2.1", password=API_PASSWORD
        )

        assert "refused" not in outcomes

    def test_many_at_once_are_not_checked_more_often(self):
        user = make_api_user()
        checked = []
        reached = threading.Barrier(guesses.OF_ADDRESS.most, timeout=10)

        def counted():
            with (
                contextlib.suppress(guesses.TooManyTries, credentials.WrongCredentials),
                guesses.counted(
                    account=user.account.name,
                    login=user.login,
                    address=ipaddress.ip_address("192.0.2.1"),
                    is_known=False,
                ),
            ):
                # Nobody gets here before as many as may be are here; one more would break it.
                reached.wait()
                checked.append(user)
                raise credentials.WrongCredentials

        at_once(*[counted] * (guesses.OF_ADDRESS.most + 10))

        assert len(checked) == guesses.OF_ADDRESS.most
