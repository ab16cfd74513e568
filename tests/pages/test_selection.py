"""Changing the quota or the limit of several API users at once."""

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sms_accounts import api_users, selections
from sms_accounts.limits import limit_of
from sms_accounts.models import Activity, ApiUser, Membership, Wallet
from tests.factories import make_account, make_api_user, make_member
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in
from tests.pages.test_api_users import many

LIST = "/sms/sms-ab12345-1/api-users/"
QUOTA, LIMIT = f"{LIST}selected/quota/", f"{LIST}selected/limit/"


def said(answer) -> str:
    return text_of(answer.content.decode())


def held(user) -> Decimal | None:
    found = ApiUser.objects.select_related("wallet").get(pk=user.pk)
    return found.wallet.credits if found.has_quota else None


def stored_limit(user):
    return limit_of(ApiUser.objects.get(pk=user.pk))


def hidden(answer) -> dict[str, str]:
    """What the form of a page sends that only asks."""
    fields = re.findall(r"<input type=\"hidden\"[^>]*>", answer.content.decode())
    named = (re.search(r'name="(\w+)" value="([^"]*)"', field) for field in fields)
    return {found[1]: found[2] for found in named if found}


@pytest.fixture
def users(account):
    """Of Alice's 200 credits `vast` holds 150, and 50 are left."""
    return {
        "Small": make_api_user(account=account, login="Small", quota=0),
        "vast": make_api_user(account=account, login="vast", quota=150, threshold=5),
        "none": make_api_user(account=account, login="none"),
    }


def keys(*users) -> str:
    return ",".join(str(user.pk) for user in users)


class TestChoosing:
    def test_begins_in_the_list_without_script(self, browser, users):
        html = browser.get(LIST).content.decode()

        assert 'aria-label="Choose vast"' in html
        assert f'formaction="{QUOTA}"' in html
        assert f'formaction="{LIMIT}"' in html

    def test_takes_those_ticked(self, browser, users):
        page = said(browser.get(QUOTA, {"user": [users["vast"].pk, users["none"].pk]}))

        assert "Quota of 2 API users" in page
        assert "none, vast" in page

    def test_takes_all_that_a_search_finds(self, browser, users):
        page = said(browser.get(LIMIT, {"all": "1", "q": "V", "user": users["none"].pk}))

        assert "Limit of 1 API user" in page
        assert "vast" in page

    @pytest.mark.parametrize("query", [{}, {"user": "x"}, {"user": "9" * 30}, {"users": ","}])
    def test_says_that_nobody_is_chosen(self, browser, users, query):
        answer = browser.get(QUOTA, query, follow=True)

        assert answer.redirect_chain == [(LIST, 302)]
        assert "Choose API users in the list first." in said(answer)

    def test_says_that_too_many_are_chosen(self, browser, users, monkeypatch):
        monkeypatch.setattr(selections, "MOST", 2)

        assert "At most 2 API users can" in said(browser.get(QUOTA, {"all": "1"}, follow=True))

    def test_reaches_nobody_of_another_account(self, browser, bobs_browser, users):
        foreign = make_api_user(account=make_account())

        assert bobs_browser.get(QUOTA, {"user": users["vast"].pk}).status_code == 404
        assert "Choose API users" in said(browser.get(QUOTA, {"user": foreign.pk}, follow=True))

    def test_is_not_offered_to_viewers(self, account, users):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        assert "selected/quota" not in viewer.get(LIST).content.decode()
        assert viewer.get(QUOTA, {"all": "1"}).status_code == 404


class TestQuota:
    def test_says_first_what_will_happen_and_changes_nothing(self, browser, users):
        given = {"users": keys(*users.values()), "enabled": "on", "quota": "60"}

        page = said(browser.post(QUOTA, given))

        assert "The account gives 120.00 credits and gets 90.00 back." in page
        assert "vast 150.00 60.00 Will change" in page
        assert "none no quota 60.00 Will change" in page
        assert held(users["vast"]) == 150

    def test_then_does_it_and_says_what_came_of_each(self, browser, alice, users):
        given = {"users": keys(*users.values()), "enabled": "on", "quota": "60"}

        answer = browser.post(QUOTA, hidden(browser.post(QUOTA, given)))

        assert "Small 0.00 60.00 Changed" in said(answer)
        assert [held(user) for user in users.values()] == [60, 60, 60]
        assert Wallet.objects.get(account__name="sms-ab12345-1").credits == 20
        changes = Activity.objects.filter(action="quota changed", by=alice)
        assert {change.api_user_id for change in changes} == {user.pk for user in users.values()}

    def test_who_gives_back_comes_first_and_the_rest_as_far_as_it_goes(self, browser, users):
        given = {"users": keys(*users.values()), "enabled": "on", "quota": "100"}
        asked = browser.post(QUOTA, given)

        answer = browser.post(QUOTA, hidden(asked))

        assert "Change 2 API users? " in said(asked)
        assert "1 cannot be changed." in said(asked)
        assert "Small 0.00 100.00 The account has not enough credits left" in said(asked)
        assert "none no quota 100.00 Changed" in said(answer)
        assert "Small 0.00 100.00 The account has not enough credits left" in said(answer)
        assert [held(user) for user in users.values()] == [0, 100, 100]

    def test_does_not_ask_where_nothing_would_change(self, browser, users):
        given = {"users": keys(users["vast"]), "enabled": "on", "quota": "150"}

        page = said(browser.post(QUOTA, given))

        assert "Nothing would change" in page
        assert "Change them" not in page

    def test_can_be_switched_off(self, browser, users):
        asked = browser.post(QUOTA, {"users": keys(*users.values()), "quota": "5"})

        page = said(browser.post(QUOTA, hidden(asked)))

        assert "vast 150.00 no quota Changed" in page
        assert "none no quota no quota It is like that already" in page
        assert held(users["vast"]) is None

    def test_says_what_is_accepted(self, browser, users):
        page = browser.post(
            QUOTA, {"users": keys(users["vast"]), "enabled": "on", "quota": "1.001"}
        )

        assert "Enter credits from 0" in said(page)
        assert held(users["vast"]) == 150

    def test_tells_of_who_was_deleted_meanwhile(self, users, alice):
        api_users.delete(users["vast"], by=None)

        [step] = selections.set_quotas([users["vast"]], Decimal(1), left=Decimal(9), by=alice)

        assert step.ending == selections.Ending.GONE
        assert held(users["vast"]) is None


class TestLimit:
    def test_each_keeps_what_is_left_empty(self, browser, users):
        given = {"users": keys(users["vast"]), "enabled": "on", "threshold": "9"}
        asked = browser.post(LIMIT, given)

        page = said(browser.post(LIMIT, hidden(asked)))

        assert "vast 5.00, alerts@example.com 9.00, alerts@example.com Will change" in said(asked)
        assert "vast 5.00, alerts@example.com 9.00, alerts@example.com Changed" in page
        limit = stored_limit(users["vast"])
        assert (limit.threshold, limit.email) == (9, "alerts@example.com")

    def test_who_lacks_an_address_is_left_as_it_is(self, browser, users):
        given = {"users": keys(*users.values()), "enabled": "on", "threshold": "9"}
        asked = browser.post(LIMIT, given)

        page = said(browser.post(LIMIT, hidden(asked)))

        assert "none off 9.00 It has no e-mail address: enter one" in page
        assert not stored_limit(users["none"]).enabled
        assert stored_limit(users["vast"]).threshold == 9

    def test_gives_all_the_same(self, browser, users):
        given = {
            "users": keys(*users.values()),
            "enabled": "on",
            "threshold": "9",
            "support": "sms",
            "number": "+33 6 39 98 00 04",
        }

        browser.post(LIMIT, hidden(browser.post(LIMIT, given)))

        for user in users.values():
            limit = stored_limit(user)
            assert (limit.enabled, limit.support, limit.msisdn) == (True, "sms", "33639980004")

    def test_can_be_switched_off_and_keeps_the_rest(self, browser, users):
        asked = browser.post(LIMIT, {"users": keys(*users.values())})

        browser.post(LIMIT, hidden(asked))

        limit = stored_limit(users["vast"])
        assert (limit.enabled, limit.threshold) == (False, 5)


def test_the_pages_ask_the_database_as_often_for_many_as_for_few(browser, account):
    many(account, 400)
    few = ",".join(str(pk) for pk in ApiUser.objects.values_list("pk", flat=True)[:2])
    counts = []
    for choice in ({"users": few}, {"all": "1"}):
        with CaptureQueriesContext(connection) as asked:
            browser.post(QUOTA, {**choice, "enabled": "on", "quota": "0"})
            browser.post(LIMIT, {**choice, "users": few, "enabled": "on", "threshold": "1"})
        counts.append(len(asked))

    assert counts[0] == counts[1] <= 24
