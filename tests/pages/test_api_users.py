"""The list of API users: columns, search, sorting, paging, and who sees what."""

import re
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urljoin

import pytest
from django.urls import reverse
from django.utils import timezone

from sms_accounts import api_users
from sms_accounts.models import (
    AddressUse,
    Alert,
    ApiUser,
    Membership,
    Notification,
    Wallet,
)
from tests.factories import make_account, make_api_user
from tests.pages.checks import text_of
from tests.sign_ins import ADDRESS, note_call

URL = "/sms/sms-ab12345-1/api-users/"


def logins(answer) -> list[str]:
    return re.findall(r'class="cut" title="([^"]*)"', answer.content.decode())


def many(account, count: int) -> None:
    purses = Wallet.objects.bulk_create(Wallet() for _ in range(count))
    ApiUser.objects.bulk_create(
        ApiUser(
            account=account,
            login=f"u{number:05}",
            password="x",
            password_changed_at=timezone.now(),
            # Every second one has a quota, which stands in a purse of its own.
            wallet_id=purse.pk if number % 2 else account.wallet_id,
            quota_wallet=purse,
            alert_threshold=number,
            alert_enabled=True,
        )
        for number, purse in enumerate(purses, start=1)
    )
    fired = ApiUser.objects.present().filter(account=account).order_by("login")[:100]
    now = timezone.now()
    Alert.objects.store(
        Alert.about(user, threshold=user.alert_threshold or Decimal(0), balance=Decimal(1), at=now)
        for user in fired
    )
    used(fired, addresses=5)
    Notification.objects.update(state=Notification.State.GIVEN_UP, note="No luck.")


def used(users, *, addresses: int) -> None:
    """Each of the users called from so many addresses, and was refused at some."""
    now = timezone.now()
    AddressUse.objects.bulk_create(
        AddressUse(
            api_user=user,
            address=f"10.0.0.{number}",
            accepted_at=now - timedelta(minutes=number),
            method=AddressUse.Method.URL,
            refused_at=now if number % 2 else None,
        )
        for user in users
        for number in range(addresses)
    )


def called(api_user, *, minutes_ago: int, address: str = ADDRESS, **call) -> None:
    note_call(api_user, address, **call)
    at = timezone.now() - timedelta(minutes=minutes_ago)
    AddressUse.objects.filter(api_user=api_user, address=address).update(accepted_at=at)


class TestColumns:
    def test_show_quota_limit_and_notification(self, browser, account):
        make_api_user(
            account=account,
            login="shop",
            quota=Decimal("12.5"),
            threshold=5,
            support=ApiUser.Support.BOTH,
        )

        answer = browser.get(URL)

        assert "shop Yes 12.50 Yes 5.00 Email and SMS alerts@example.com +33639980004" in spaced(
            answer
        )

    def test_show_dashes_where_nothing_is_set(self, browser, account):
        make_api_user(account=account, login="plain")

        assert "plain No - No - - - -" in text_of(browser.get(URL).content.decode())

    def test_show_the_whole_login_on_hover(self, browser, account):
        login = "a.very.long.login.of.somebody@example.com"[:40]
        make_api_user(account=account, login=login)

        assert logins(browser.get(URL)) == [login]

    def test_addresses_are_reached_without_a_mouse(self, browser, account):
        make_api_user(account=account, threshold=5, email="ops@example.com")

        html = browser.get(URL).content.decode()

        assert re.search(r'class="tip\s*"\s+tabindex="0"', html)

    def test_say_when_the_alert_last_fired(self, browser, account):
        # The threshold is reached already, so that the alert fires at once.
        make_api_user(account=account, quota=5, threshold=20)

        assert "just now" in text_of(browser.get(URL).content.decode())

    def test_say_what_went_wrong_with_the_last_alert(self, browser, account):
        make_api_user(account=account, quota=5, threshold=20)
        Notification.objects.update(state=Notification.State.GIVEN_UP, note="Nobody paid.")

        assert "Not all sent Nobody paid." in spaced(browser.get(URL))

    def test_moments_are_in_the_time_zone_of_the_account(self, browser, alice):
        account = make_account(owner=alice, name="sms-ny12345-1", time_zone="America/New_York")
        make_api_user(account=account, quota=5, threshold=20)

        html = browser.get(reverse("api-users", args=[account.name])).content.decode()

        assert re.search(r'title="[\d: -]+ E[SD]T"', html)

    def test_say_when_from_where_and_how_the_user_was_last_used(self, browser, account):
        shop = make_api_user(account=account, login="shop")
        called(shop, minutes_ago=90, address="198.51.100.7")
        called(shop, minutes_ago=2, address="2001:db8::7", method=AddressUse.Method.BASIC)
        note_call(shop, "203.0.113.9", accepted=False)
        ApiUser.objects.update(password_changed_at=timezone.now() - timedelta(days=1))

        text = spaced(browser.get(URL))

        assert "2 minutes ago 2001:db8::7 present password, HTTP Basic" in text
        assert "198.51.100.7" not in text

    def test_say_that_the_last_call_had_an_old_password(self, browser, account):
        now = timezone.now()
        changed = make_api_user(account=account, login="changed")
        changing = make_api_user(account=account, login="changing")
        called(changed, minutes_ago=5, method=AddressUse.Method.FORM)
        called(changing, minutes_ago=5, with_former_password=True)
        ApiUser.objects.filter(login="changed").update(password_changed_at=now)
        ApiUser.objects.filter(login="changing").update(
            password_changed_at=now - timedelta(hours=1)
        )

        text = spaced(browser.get(URL))

        assert "old password, in the body" in text
        assert "old password, in the URL" in text
        assert "present password" not in text

    def test_mark_those_who_have_two_passwords(self, browser, account):
        for login, span in (("day", timedelta(days=1)), ("open", None), ("over", timedelta(0))):
            user = make_api_user(account=account, login=login)
            keep = api_users.KeepFormer(span)
            api_users.set_password(user, "NewSecret1", keep_former=keep, by=None)
        make_api_user(account=account, login="plain")

        text = text_of(browser.get(URL).content.decode())

        assert "day 2 passwords" in text
        assert "open 2 passwords" in text
        assert text.count("2 passwords") == 2

    def test_mark_those_who_only_observe(self, browser, account):
        user = make_api_user(account=account, login="new")
        api_users.set_restrictions(user, ["192.0.2.0/24"], observed=True, by=None)
        make_api_user(account=account, login="strict", restrictions=["192.0.2.0/24"])

        text = text_of(browser.get(URL).content.decode())

        assert "new Observe only" in text
        assert text.count("Observe only") == 1

    def test_point_at_addresses_that_were_refused_in_the_last_day(self, browser, account):
        shop = make_api_user(account=account, login="shop")
        for address in ("203.0.113.9", "203.0.113.9", "203.0.113.10", "203.0.113.11"):
            note_call(shop, address, accepted=False)
        yesterday = timezone.now() - timedelta(hours=24)
        AddressUse.objects.filter(address="203.0.113.11").update(refused_at=yesterday)

        html = browser.get(URL).content.decode()

        assert "shop 2 addresses refused" in text_of(html)
        [link] = re.findall(r'<a class="badge badge-warn"\s+href="([^"?]*)', html)
        page = reverse("api-user-restrictions", args=[account.name, shop.pk])
        assert urljoin(URL, link) == page

    def test_lead_viewers_to_no_dialog(self, browser, account):
        note_call(make_api_user(account=account), "203.0.113.9", accepted=False)
        Membership.objects.filter(account=account).update(role=Membership.Role.VIEWER)

        html = browser.get(URL).content.decode()

        assert "1 address refused" in text_of(html)
        assert "restrictions/" not in html

    def test_mark_those_who_may_not_send(self, browser, account):
        api_users.set_enabled(make_api_user(account=account, login="old"), False, by=None)

        assert "old Disabled" in text_of(browser.get(URL).content.decode())


class TestHeader:
    def test_shows_what_is_left_and_what_quotas_hold(self, browser, account):
        make_api_user(account=account, quota=150)

        text = text_of(browser.get(URL).content.decode())

        assert "Credits left 50.00 Held by quotas 150.00" in text


class TestMenus:
    def test_stand_in_the_order_that_people_know(self, browser, account):
        make_api_user(account=account, login="shop")

        text = spaced(browser.get(URL))

        assert "Manage user accounts" in text
        assert "Actions Add Alerts Import Refresh" in text
        assert "Password Quota Limit Restrictions Callback Delete Protection Disable" in text

    def test_are_not_there_for_viewers(self, browser, account):
        make_api_user(account=account)
        Membership.objects.filter(account=account).update(role=Membership.Role.VIEWER)

        text = spaced(browser.get(URL))

        assert "Delete" not in text
        assert "Add" not in text
        assert "Refresh" in text

    def test_lead_back_to_the_list_as_it_was(self, browser, account):
        make_api_user(account=account, login="shop")

        html = browser.get(f"{URL}?q=sh&sort=-quota").content.decode()

        assert "next=%2Fsms%2Fsms-ab12345-1%2Fapi-users%2F%3Fq%3Dsh%26sort%3D-quota" in html
        # Those of rows without its path.
        (quota,) = re.findall(r'href="([^"]*/quota/\?[^"]*)"', html)
        dialog = browser.get(f"{URL}{quota}").content.decode()
        assert f'href="{URL}?q=sh&amp;sort=-quota"' in dialog


def spaced(answer) -> str:
    """The words of a page, also where tags alone part them."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


class TestSearch:
    def test_finds_a_part_of_the_login_in_any_case(self, browser, account):
        for login in ("Shop", "workshop", "other"):
            make_api_user(account=account, login=login)

        assert logins(browser.get(URL, {"q": "SHOP"})) == ["Shop", "workshop"]

    @pytest.mark.parametrize("wanted", ["100%", "_", "\0", "' OR 1=1", "\\"])
    def test_takes_every_character_as_it_is(self, browser, account, wanted):
        make_api_user(account=account, login="shop")

        answer = browser.get(URL, {"q": wanted})

        assert answer.status_code == 200
        assert logins(answer) == (["shop"] if wanted == "\0" else [])

    def test_says_that_nothing_was_found(self, browser, account):
        answer = browser.get(URL, {"q": "<b>"})

        assert "No API user has “<b>” in its ID." in text_of(answer.content.decode())

    def test_teaches_where_there_is_no_user_yet(self, browser, account):
        assert "No API user yet." in text_of(browser.get(URL).content.decode())


class TestSorting:
    def test_is_by_login_without_regard_to_case(self, browser, account):
        for login in ("beta", "Alpha", "gamma"):
            make_api_user(account=account, login=login)

        assert logins(browser.get(URL)) == ["Alpha", "beta", "gamma"]
        assert logins(browser.get(URL, {"sort": "-login"})) == ["gamma", "beta", "Alpha"]

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ("quota-active", ["none", "sms", "big", "small"]),
            ("-quota-active", ["big", "small", "none", "sms"]),
            ("quota", ["small", "big", "none", "sms"]),
            ("-quota", ["big", "small", "none", "sms"]),
            ("alert-active", ["big", "none", "small", "sms"]),
            ("limit", ["sms", "small", "big", "none"]),
            ("-limit", ["small", "sms", "big", "none"]),
            ("notification", ["small", "sms", "big", "none"]),
            ("last-alert", ["small", "big", "none", "sms"]),
            ("-last-alert", ["small", "big", "none", "sms"]),
            ("last-use", ["small", "none", "big", "sms"]),
            ("-last-use", ["none", "small", "big", "sms"]),
            ("password", ["big", "none", "small", "sms"]),
        ],
    )
    def test_works_for_every_column(self, browser, account, sort, expected):
        called(make_api_user(account=account, login="none"), minutes_ago=3)
        called(make_api_user(account=account, login="small", quota=5, threshold=20), minutes_ago=9)
        note_call(make_api_user(account=account, login="big", quota=50), ADDRESS, accepted=False)
        make_api_user(account=account, login="sms", threshold=10, support=ApiUser.Support.SMS)

        assert logins(browser.get(URL, {"sort": sort})) == expected


class TestVisibility:
    def test_somebody_elses_account_does_not_exist(self, bobs_browser, account):
        assert bobs_browser.get(URL).status_code == 404

    def test_deleted_users_are_gone(self, browser, account):
        api_users.delete(make_api_user(account=account), by=None)

        assert logins(browser.get(URL)) == []
