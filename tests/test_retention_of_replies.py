"""Replies are kept as long as messages are, and those of nobody as long as carriers' words."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sms_accounts import accounts, retention
from sms_accounts.models import ApiUser, Callback, Received, ReceivedPart, ReceivedPost
from tests.ended import DAYS
from tests.factories import MSISDN
from tests.plans import plan_of
from tests.replied import came, make_sent, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    user = make_user()
    accounts.change(user.account, {"retention_days": DAYS}, by=None)
    return user


def left():
    received = Received.objects.get()
    return received.msisdn, received.text, ReceivedPart.objects.exists(), bodies()


def bodies():
    return [bytes(post.body) for post in ReceivedPost.objects.all() if post.body]


def age(days):
    then = timezone.now() - timedelta(days=days)
    Received.objects.update(received_at=then)
    ReceivedPost.objects.update(received_at=then)


GONE: tuple[str, str, bool, list[bytes]] = ("004", "", False, [])


def test_text_number_parts_and_body_go_after_the_period_of_the_account(user):
    came("Hello")
    age(DAYS - 1)
    retention.remove_old()
    assert left()[:2] == (MSISDN, "Hello")

    age(DAYS + 1)
    assert retention.remove_old() >= 1

    assert left() == GONE
    received = Received.objects.get()
    assert (received.key, received.number) == ("", "33639989999")
    assert received.text_removed_at is not None
    assert received.numbers_removed_at is not None
    assert retention.remove_old() == 0


def test_of_nobody_go_with_the_words_of_carriers():
    came("Hello", receiver="36184")
    age(29)
    retention.remove_old()
    assert left()[:2] == (MSISDN, "Hello")

    age(31)
    retention.remove_old()

    assert left() == GONE


def test_texts_of_a_user_that_keeps_none_go_once_they_were_told():
    user = make_user()
    ApiUser.objects.update(keeps_no_texts=True)
    accounts.set_callback(user.account, "", replies_url="https://example.com/", by=None)
    make_sent(user)
    came("Hello")
    retention.remove_old()
    assert left()[1] == "Hello"

    Callback.objects.update(done_at=timezone.now())
    retention.remove_old()

    assert left() == (MSISDN, "", False, [])


def test_what_comes_again_after_that_is_new(user):
    came("Hello")
    age(DAYS + 1)
    retention.remove_old()

    came("Hello")

    assert list(Received.objects.order_by("pk").values_list("text", flat=True)) == ["", "Hello"]


def test_takes_the_indexes(user):
    before = timezone.now()
    with_numbers = Received.objects.filter(
        account=user.account, numbers_removed_at=None, received_at__lt=before
    )
    with_text = Received.objects.filter(api_user=user, text_removed_at=None)

    for rows, index in ((with_numbers, "received_with_numbers"), (with_text, "received_with_text")):
        assert index in plan_of(rows.order_by("received_at", "id")[:200])
    unsettled = Received.objects.filter(settled_at=None, received_at__lte=before)
    assert "received_not_settled" in plan_of(unsettled.order_by("received_at", "id")[:1])
