"""Pages of a search among messages: each found once, in order, and never by looking through all."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from sms_accounts import message_pages, message_searches, submission
from sms_accounts.models import Message, State, Submission
from tests.factories import make_account, make_api_user, make_message, make_order
from tests.plans import plan_of

NOON = datetime(2026, 10, 10, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    return make_account(name="sms-ab12345-1")


@pytest.fixture
def shop(account):
    return make_api_user(account=account, login="shop")


@pytest.fixture
def in_portions(monkeypatch):
    """Two rows are looked through at first, four at most."""
    monkeypatch.setattr(message_pages, "FIRST", 2)
    monkeypatch.setattr(message_pages, "MOST", 4)


@pytest.fixture
def many(account, shop):
    """Twenty messages, two a day: of two users, with and without a tag, some of them failed."""
    other = make_api_user(account=account, login="other")
    for number in range(20):
        user = shop if number % 3 else other
        message = make_message(
            user=user,
            msisdn="33639980004" if number % 4 else "31612345678",
            tag="parcels" if number % 5 == 0 else "",
        )
        Submission.objects.filter(pk=message.submission_id).update(
            sender="Other" if number in (2, 3, 17) else "Shop",
            created_at=NOON + timedelta(hours=12 * number),
        )
        if number in (0, 1, 18):
            Message.objects.filter(pk=message.pk).update(state=State.REJECTED, ptt=2)
    make_message(user=make_api_user(account=make_account(name="sms-zz12345-1")))
    return account


def form_of(account, query):
    return message_searches.form_of(account, QueryDict(query))


def pages(account, query, *, size=3):
    """Follow a search to its end."""
    before, found = None, []
    while True:
        page = message_pages.page(form_of(account, query), before=before, size=size)
        found.append(page)
        if page.before is None:
            return found
        before = page.before


QUERIES = {
    "": lambda message: True,
    "user=shop": lambda message: message.submission.api_user.login == "shop",
    "tag=parcels": lambda message: message.submission.tag == "parcels",
    "sender=Other": lambda message: message.submission.sender == "Other",
    "state=failed": lambda message: message.state == State.REJECTED,
    "country=31": lambda message: message.msisdn.startswith("31"),
    "channel=alert": lambda message: False,
    "user=shop&state=failed": lambda message: (
        message.submission.api_user.login == "shop" and message.state == State.REJECTED
    ),
    "tag=parcels&country=31": lambda message: (
        message.submission.tag == "parcels" and message.msisdn.startswith("31")
    ),
    "since=2026-10-12&until=2026-10-14": lambda message: (
        datetime(2026, 10, 12, tzinfo=UTC)
        <= message.submission.created_at
        < datetime(2026, 10, 15, tzinfo=UTC)
    ),
    "until=2026-10-11&ptt=2": lambda message: (
        message.ptt == 2 and message.submission.created_at < datetime(2026, 10, 12, tzinfo=UTC)
    ),
}


@pytest.mark.parametrize("query", QUERIES)
class TestPages:
    def test_find_each_message_once_and_in_order(self, many, in_portions, query):
        expected = Message.objects.filter(account=many).select_related("submission__api_user")
        like_that = [each.pk for each in expected.order_by("-pk") if QUERIES[query](each)]

        found = [each.pk for page in pages(many, query) for each in page.messages]

        assert found == like_that

    def test_ask_as_little_as_a_page_may(self, many, in_portions, query):
        form = form_of(many, query)

        with CaptureQueriesContext(connection) as captured:
            message_pages.page(form, before=None, size=3)

        assert len(captured) <= 5


class TestPage:
    def test_ends_where_enough_is_looked_through(self, many, in_portions):
        first, *_more = pages(many, "sender=Other")

        # The newest five, the one at the end of them with its moment, of which one fits.
        assert [each.submission.sender for each in first.messages] == ["Other"]
        newest = Message.objects.filter(account=many).order_by("-pk")
        assert first.before == newest[4].pk
        assert first.looked_back_to == newest[4].submission.created_at

    def test_that_is_full_says_nothing_of_that(self, many, in_portions):
        first, *_more, last = pages(many, "user=shop")

        assert len(first.messages) == 3
        assert first.looked_back_to is None
        assert last.before is None

    def test_has_no_end_within_an_order(self, account, shop, in_portions):
        numbers = [f"336399800{number:02}" for number in range(10)]
        make_message(user=shop, tag="before")
        submission.submit(make_order(shop, receivers=numbers, tag="many"))

        found = [each.msisdn for page in pages(account, "tag=many") for each in page.messages]

        assert sorted(found) == numbers

    def test_of_days_is_right_though_clocks_were_set(self, many):
        # By its key it follows one of the 19th, and says that it is of the 18th.
        late = Message.objects.filter(account=many).order_by("-pk")[1]
        at = datetime(2026, 10, 18, 20, tzinfo=UTC)
        Submission.objects.filter(pk=late.submission_id).update(created_at=at)

        [page] = pages(many, "until=2026-10-18", size=50)

        assert page.messages[0].pk == late.pk

    def test_of_early_days_looks_at_no_later_ones(self, many, in_portions):
        form = form_of(many, "until=2026-10-11")

        page = message_pages.page(form, before=None, size=3)

        # Those of both days, and of one more that makes up for clocks.
        assert form.orders().count() == 6
        assert page.messages or page.before is not None


class TestTags:
    @pytest.mark.parametrize("query", ["tag=parcels", "tag=parcels&until=2026-10-12"])
    def test_are_found_by_their_index(self, many, query):
        orders = form_of(many, query).orders()

        assert "submissions_with_tag" in plan_of(orders.order_by("-pk")[:51], may_sort=True)
