"""The busy demo account: paid and ended like any other, and nothing of it is ever due."""

import pytest
from django.utils import timezone

from sms_accounts import big_demo, delivery
from sms_accounts.models import FINAL, ApiUser, Attempt, LedgerEntry, Message, Rate, State
from tests.commands.running import refused, run
from tests.factories import make_account

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_installation(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    # It comes with the tables, and goes where another test has emptied them.
    Rate.objects.get_or_create(prefix="", defaults={"credits": 1})


def filled(**sizes: int) -> list[big_demo.Made]:
    return list(big_demo.fill(**{"users": 20, "messages": 1_500, "seed": 1, **sizes}))


class TestFill:
    def test_makes_what_is_asked_for_over_a_month(self):
        made = filled()

        assert made[-1] == big_demo.Made(20, 1_500)
        messages = Message.objects.filter(account__name=big_demo.ACCOUNT)
        assert messages.count() == 1_500
        moments = sorted(messages.values_list("due_at", flat=True))
        assert big_demo.DAYS - 2 < (moments[-1] - moments[0]).days < big_demo.DAYS
        assert list(messages.order_by("pk").values_list("due_at", flat=True)) == moments
        assert ApiUser.objects.filter(account__name=big_demo.ACCOUNT).count() == 20

    def test_leaves_nothing_for_a_worker(self):
        filled()

        assert set(Message.objects.values_list("state", flat=True)) <= set(FINAL)
        assert not Message.objects.filter(final_at__gt=timezone.now())
        assert not Message.objects.filter(final_at__lt=timezone.now(), submitted_at=None).exclude(
            state=State.REJECTED
        )
        assert delivery.deliver_due() == 0

    def test_gives_back_what_was_refused(self):
        filled()

        rejected = Message.objects.filter(state=State.REJECTED)
        assert rejected.exists()
        refunds = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.REFUND)
        assert set(refunds.values_list("message", flat=True)) == {each.pk for each in rejected}

    def test_has_an_attempt_for_each_part(self):
        filled()

        message = Message.objects.filter(submission__parts=2).first()
        assert message is not None
        assert list(Attempt.objects.filter(message=message).values_list("part", flat=True)) == [
            1,
            2,
        ]

    def test_goes_on_where_it_was_interrupted(self):
        interrupted = big_demo.fill(users=20, messages=2_000, seed=1)
        while next(interrupted).messages == 0:
            pass

        assert filled(messages=2_000)[-1].messages == 2_000
        assert Message.objects.count() == 2_000


class TestCommand:
    def test_says_what_there_is(self):
        assert run("demo", "--users=3", "--messages=10") == {
            "account": big_demo.ACCOUNT,
            "users": 3,
            "messages": 10,
        }

    def test_leaves_other_installations_alone(self):
        make_account()

        assert "left alone" in refused("demo")

        assert not Message.objects.exists()

    def test_asks_for_sizes_that_make_sense(self):
        assert "--users of 1 or more" in refused("demo", "--users=0")
