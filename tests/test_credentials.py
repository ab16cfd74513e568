"""Passwords: made, checked, remembered, forgotten."""

import ipaddress
from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.contrib.auth import hashers

from sms_accounts import api_users, credentials
from tests.factories import API_PASSWORD, make_api_user
from tests.sign_ins import WRONG, slow_hashes
from tests.sign_ins import sign_in as sign_in_as


@pytest.fixture
def slow_checks(monkeypatch):
    return slow_hashes(monkeypatch)


def sign_in(user, password=API_PASSWORD):
    return sign_in_as(user.account.name, user.login, password)


@pytest.mark.django_db
class TestRightPassword:
    def test_gives_the_user(self):
        user = make_api_user()

        assert sign_in(user) == user

    def test_is_remembered(self, slow_checks):
        user = make_api_user()

        for _ in range(5):
            assert sign_in(user) == user

        assert len(slow_checks) == 1

    def test_is_checked_again_after_a_while(self, slow_checks, monkeypatch):
        user = make_api_user()
        monkeypatch.setattr(credentials, "REMEMBERED_FOR", timedelta(0))

        sign_in(user)
        sign_in(user)

        assert len(slow_checks) == 2

    def test_is_not_checked_again_while_it_comes_time_and_again(self, slow_checks, monkeypatch):
        user = make_api_user()
        now = [1000.0]
        monkeypatch.setattr(credentials, "time", SimpleNamespace(monotonic=lambda: now[0]))

        for _ in range(4):
            sign_in(user)
            now[0] += credentials.REMEMBERED_FOR.total_seconds() - 1
        assert len(slow_checks) == 1

        now[0] += 1
        sign_in(user)
        assert len(slow_checks) == 2

    def test_that_came_last_stays_where_there_is_room_for_few(self, slow_checks, monkeypatch):
        monkeypatch.setattr(credentials, "MOST_REMEMBERED", 2)
        first, second, third = make_api_user(), make_api_user(), make_api_user()
        for user in (first, second, first, third):
            sign_in(user)
        assert len(slow_checks) == 3

        sign_in(first)
        assert len(slow_checks) == 3

    def test_of_another_user_is_not_remembered_for_this_one(self, slow_checks):
        first = make_api_user(password="First12345")
        second = make_api_user(account=first.account, password="Second12345")
        sign_in(first, "First12345")

        assert sign_in(second, "First12345") is None
        assert len(slow_checks) == 1 + 2

    def test_makes_room_for_new_ones(self, slow_checks, monkeypatch):
        monkeypatch.setattr(credentials, "MOST_REMEMBERED", 1)
        first, second = make_api_user(), make_api_user()

        for user in (first, second, first):
            assert sign_in(user) == user

        assert len(slow_checks) == 3


@pytest.mark.django_db
class TestChange:
    def test_of_the_password_stops_the_old_one_at_once(self):
        user = make_api_user()
        assert sign_in(user) == user

        api_users.set_password(user, "Another1234", by=None)

        assert sign_in(user) is None
        assert sign_in(user, "Another1234") == user

    def test_to_the_same_password_asks_the_slow_hash_again(self, slow_checks):
        user = make_api_user()
        sign_in(user)

        api_users.set_password(user, API_PASSWORD, by=None)

        assert sign_in(user) == user
        assert len(slow_checks) == 2

    @pytest.mark.parametrize("stop", ["disabled user", "disabled account", "deleted user"])
    def test_stops_a_remembered_password_too(self, stop):
        user = make_api_user()
        assert sign_in(user) == user

        if stop == "disabled user":
            api_users.set_enabled(user, False, by=None)
        elif stop == "deleted user":
            api_users.delete(user, by=None)
        else:
            user.account.is_enabled = False
            user.account.save(update_fields=["is_enabled"])

        assert sign_in(user) is None

    def test_to_enabled_lets_the_user_in_again(self):
        user = make_api_user()
        api_users.set_enabled(user, False, by=None)
        sign_in(user)

        api_users.set_enabled(user, True, by=None)

        assert sign_in(user) == user


@pytest.mark.django_db
class TestWrongCause:
    @pytest.mark.parametrize(
        "cause",
        [
            "unknown account",
            "unknown login",
            "wrong password",
            "NUL in the login",
            "disabled user with the wrong password",
            "disabled user with the right password",
            "login of another account",
            "wrong password of a user with two",
        ],
    )
    def test_reaches_the_slow_hash_exactly_twice(self, slow_checks, cause):
        user = make_api_user()
        account, login, password = user.account.name, user.login, API_PASSWORD
        if cause.startswith("disabled"):
            api_users.set_enabled(user, False, by=None)
        if cause == "unknown account":
            account = "sms-nobody-1"
        elif cause == "unknown login":
            login = "nobody"
        elif cause == "NUL in the login":
            login = f"{login}\0"
        elif cause == "login of another account":
            account = make_api_user().account.name
        elif "wrong password" in cause:
            password = WRONG
        if cause.endswith("with two"):
            keep = api_users.KeepFormer(None)
            api_users.set_password(user, "Another1234", keep_former=keep, by=None)

        assert sign_in_as(account, login, password) is None
        assert len(slow_checks) == 2

    def test_uses_the_same_kind_of_hash_for_nobody(self, slow_checks, settings):
        settings.SCRIPT_PASSWORD_HASHER = "md5"
        user = make_api_user()

        sign_in(user, WRONG)
        sign_in_as("sms-nobody-1", "nobody", WRONG)

        kinds = [encoded.split("$")[0] for encoded in slow_checks]
        assert kinds == [kinds[0]] * 4

    @pytest.mark.parametrize("password", ["", "\0", "é" * 100, "x" * 100_000])
    def test_may_be_any_text(self, password):
        assert sign_in(make_api_user(), password) is None

    def test_is_never_remembered(self, slow_checks):
        user = make_api_user()

        sign_in(user, WRONG)
        sign_in(user, WRONG)

        assert len(slow_checks) == 2 * 2


@pytest.mark.django_db
class TestFormerPassword:
    def change(self, user, span: timedelta | None = None, to: str = "Another1234") -> None:
        api_users.set_password(user, to, keep_former=api_users.KeepFormer(span), by=None)

    def test_works_beside_the_new_one(self):
        user = make_api_user()

        self.change(user)

        assert sign_in(user) == user
        assert sign_in(user, "Another1234") == user

    def test_is_told_from_the_present_one_also_when_remembered(self):
        user = make_api_user()
        self.change(user)

        def with_former(password):
            claim = credentials.Claim(
                account=user.account.name,
                login=user.login,
                password=password,
                address=ipaddress.ip_address("192.0.2.1"),
            )
            return credentials.authenticate(claim).with_former_password

        assert [with_former(API_PASSWORD), with_former(API_PASSWORD)] == [True, True]
        assert [with_former("Another1234"), with_former("Another1234")] == [False, False]

    def test_stops_when_its_time_is_over_also_when_remembered(self):
        user = make_api_user()
        with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
            self.change(user, timedelta(hours=1))
            assert sign_in(user) == user

            clock.move_to("2026-11-24 13:00:00Z")

            assert sign_in(user) is None
            assert sign_in(user, "Another1234") == user

    def test_stops_when_it_is_ended(self):
        user = make_api_user()
        self.change(user)
        assert sign_in(user) == user

        assert api_users.end_former_password(user, by=None)

        assert sign_in(user) is None
        assert not api_users.end_former_password(user, by=None)

    def test_stops_at_the_next_change_but_one(self):
        user = make_api_user()
        self.change(user)

        self.change(user, to="Newest12345")

        assert sign_in(user) is None
        assert sign_in(user, "Another1234") == user
        assert sign_in(user, "Newest12345") == user

    def test_stops_at_a_change_that_keeps_none(self):
        user = make_api_user()
        self.change(user)

        api_users.set_password(user, "Newest12345", by=None)

        assert [sign_in(user), sign_in(user, "Another1234")] == [None, None]


class TestHashed:
    @pytest.mark.parametrize("password", ["a" * 8, "A1" * 32, "Secret12"])
    def test_takes_letters_and_digits(self, password):
        assert hashers.check_password(password, credentials.hashed(password))

    @pytest.mark.parametrize(
        "password", ["", "Secret1", "a" * 65, "Secret 12", "Secret-12", "Sécret123", "Secret12\n"]
    )
    def test_refuses_anything_else(self, password):
        with pytest.raises(credentials.UnfitPassword):
            credentials.hashed(password)

    def test_does_not_hold_the_password(self):
        assert "Secret1234" not in credentials.hashed("Secret1234")


class TestGenerate:
    def test_is_fit_and_another_one_each_time(self):
        made = {credentials.generate() for _ in range(100)}

        assert len(made) == 100
        assert all(len(password) == 16 and password.isalnum() for password in made)
