"""What an order from the browser would come to is what the server then charges."""

from decimal import Decimal

import pytest

from sms_accounts import batch_plans, opt_outs, orders
from sms_accounts.models import OptOut, Rate, Submission
from sms_accounts.receiver_lists import read, typed
from tests.factories import make_account

pytestmark = pytest.mark.django_db

TYPED = "06 39 98 00 04, +33639980004; 33639980017\nnonsense, 0032470123456 {x}"


@pytest.fixture
def account():
    account = make_account()
    account.home_country = "FR"
    account.save(update_fields=["home_country"])
    Rate.objects.create(prefix="32", credits=Decimal("1.50"))
    return account


def plan(account, text, given, **options) -> batch_plans.Plan:
    return batch_plans.plan(account, text, given, **{"stop_clause": False, **options})


def test_each_number_counts_once_in_its_own_form(account):
    found = plan(account, "Hello", typed(TYPED))

    assert [one.msisdn for one in found.receivers] == ["33639980004", "33639980017"]
    assert found.duplicates == ("+33639980004",)
    assert found.invalid == ("nonsense", "0032470123456 {x}")


@pytest.mark.parametrize(
    ("text", "stop_clause"),
    [("Hello", False), ("x" * 155, True), ("é" * 200, False), ("ê" * 140, False)],
)
def test_the_price_is_that_of_the_server(account, text, stop_clause):
    given = typed("0639980004, 0032470123456, 33639980017")

    found = plan(account, text, given, stop_clause=stop_clause)

    order = orders.Order(
        account=account,
        api_user=None,
        channel=Submission.Channel.PANEL,
        sender="Example",
        receivers=[one.number for one in given],
        text=text,
        stop_clause=stop_clause,
    )
    charged = orders.quote(order)
    assert {one.msisdn: one.credits for one in found.receivers} == charged.credits
    assert (found.sample, found.length) == (charged.text, charged.length)
    assert {one.parts for one in found.receivers} == {charged.length.parts}


def test_countries_are_summed_up_the_dearest_first(account):
    found = plan(account, "Hello", typed("0639980004, 0639980017, 0032470123456"))

    sums = batch_plans.by_country((o.msisdn, o.parts, o.credits) for o in found.receivers)

    assert [(one.country, one.receivers, one.credits) for one in sums] == [
        ("FR", 2, Decimal(2)),
        ("BE", 1, Decimal("1.50")),
    ]


def test_who_has_no_rate_cannot_be_sent_to(account):
    Rate.objects.filter(prefix="").delete()

    found = plan(account, "Hello", typed("0639980004, 0032470123456"))

    assert [one.msisdn for one in found.receivers] == ["32470123456"]
    assert found.not_served == ("0639980004",)


def test_who_opted_out_is_left_out_and_named(account):
    opt_outs.add(account, {"33639980004": ""}, source=OptOut.Source.HAND, by=None)
    account.refresh_from_db()

    found = plan(account, "Hello", typed("0639980004, 0032470123456"))

    assert [one.msisdn for one in found.receivers] == ["32470123456"]
    assert (found.opted_out, found.not_served) == (("0639980004",), ())


def test_numbers_with_spaces_alone_between_them_are_taken_apart(account):
    apart = plan(account, "Hello", typed("33639980004 0033639980017 0639980024"))
    not_apart = plan(account, "Hello", typed("33639980004 06 39"))

    assert [one.msisdn for one in apart.receivers] == [
        "33639980004",
        "33639980017",
        "33639980024",
    ]
    assert not_apart.invalid == ("33639980004 06 39",)


def test_each_row_has_its_own_text_and_price(account):
    long = "x" * 155
    table = read(f"number;name\n33639980004;Ann\n33639980017;{long}\n33639980024;\n")

    found = plan(account, "Hello {Name}", table.rows, columns=table.columns)

    assert [one.text for one in found.receivers] == ["Hello Ann", f"Hello {long}", "Hello "]
    assert [one.credits for one in found.receivers] == [1, 2, 1]
    assert (found.most_parts, found.longest_row, found.blanks) == (2, 2, 1)
    assert found.sample == "Hello Ann"


def test_what_no_column_fills_is_named(account):
    table = read("number;name\n33639980004;Ann\n")

    found = plan(account, "{name} {nam} {Code}", table.rows, columns=table.columns)

    assert found.unknown == ("nam", "Code")
    assert plan(account, "{name}", typed("33639980004")).unknown == ("name",)


def test_it_takes_as_many_queries_for_many_as_for_one(account, django_assert_max_num_queries):
    given = typed("\n".join(f"336399{number:05}" for number in range(2500)))

    with django_assert_max_num_queries(1):
        found = plan(account, "Hello", given)

    assert len(found.receivers) == 2500
