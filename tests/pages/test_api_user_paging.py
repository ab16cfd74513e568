"""The list of API users where there are many: its pages, how large they are and what they ask."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, Concat
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sms_accounts.models import AddressUse, ApiUser, QuotaRenewal
from tests.pages.checks import text_of
from tests.pages.test_api_users import URL, logins, many, used
from tests.plans import analyze, plan_of


class TestPaging:
    def test_shows_twenty_a_page(self, browser, account):
        many(account, 50)

        assert len(logins(browser.get(URL))) == 20
        assert logins(browser.get(URL, {"page": 3})) == [f"u{n:05}" for n in range(41, 51)]

    def test_stays_small_whatever_each_row_has_to_tell(self, browser, account):
        many(account, 100)
        long = "a-login-as-long-as-there-may-be-one@"
        ApiUser.objects.update(
            login=Concat(Value(long), Cast("pk", CharField())),
            wallet=F("quota_wallet"),
            alert_support=ApiUser.Support.BOTH,
            alert_email="somebody.with.a.long.name@department.example.com",
            alert_msisdn="33639980004",
            restrictions_observed=True,
        )
        QuotaRenewal.objects.bulk_create(
            QuotaRenewal(
                api_user=user, period="month", credits=5, missing=2, renews_at=timezone.now()
            )
            for user in ApiUser.objects.all()
        )

        answer = browser.get(URL, {"sort": "-last-use", "page": 2})

        assert len(logins(answer)) == 20
        assert "2 addresses refused" in text_of(answer.content.decode())
        assert len(answer.content) < 100_000

    @pytest.mark.parametrize("page", ["0", "99", "x", "-1"])
    def test_answers_for_pages_that_do_not_exist(self, browser, account, page):
        many(account, 60)

        assert browser.get(URL, {"page": page}).status_code == 200

    @pytest.mark.parametrize("sort", ["login", "-quota", "last-alert", "-last-use"])
    def test_asks_the_database_as_often_for_many_as_for_few(self, browser, account, sort):
        many(account, 10)
        with CaptureQueriesContext(connection) as few:
            browser.get(URL, {"sort": sort})
        ApiUser.objects.filter(account=account).update(deleted_at=timezone.now())
        many(account, 200)

        with CaptureQueriesContext(connection) as lots:
            browser.get(URL, {"sort": sort})

        assert len(lots) == len(few) <= 12

    def test_is_quick_with_ten_thousand(self, browser, account):
        many(account, 10_000)
        used(ApiUser.objects.filter(account=account).order_by("login")[100:], addresses=4)
        # As the database does by itself soon after so many new rows.
        analyze(ApiUser, AddressUse)
        # Of this process, in which SQLite works too: a busy machine does not lengthen it.
        started = time.process_time()

        for sort in ("login", "-quota", "last-alert", "-last-use"):
            browser.get(URL, {"sort": sort, "q": "u", "page": 100})

        # Far more than it takes.
        assert time.process_time() - started < timedelta(seconds=4).total_seconds()

    def test_finds_last_uses_by_their_index(self, account):
        many(account, 30)
        users = ApiUser.objects.filter(account=account)
        analyze(AddressUse)

        sorted_by_use = users.with_last_use().order_by(F("last_used_at").desc(nulls_last=True))[:50]
        shown = AddressUse.objects.last_of(users.values_list("pk", flat=True)[:50])

        assert "last_use_of_api_user" in plan_of(sorted_by_use)
        assert "last_use_of_api_user" in plan_of(shown)
