"""The staff's pages of routes: which messages go to which carriers."""

import re
from decimal import Decimal

import pytest

from sms_accounts import carrier_accounts
from sms_accounts.models import Lane, Rate, Route, RouteCarrier
from tests.admin.rows import text_of, url
from tests.factories import make_account, make_api_user, make_smpp_carrier
from tests.pages.checks import check_page

pytestmark = pytest.mark.django_db


def typed(*carriers, **more):
    """What a browser sends: a route, and rows of carrier, preference, share and cost."""
    rows = {"carriers-TOTAL_FORMS": len(carriers), "carriers-INITIAL_FORMS": 0}
    for number, row in enumerate(carriers):
        names = ("carrier", "preference", "share", "cost")
        rows |= {f"carriers-{number}-{name}": value for name, value in zip(names, row, strict=True)}
    return {"is_enabled": "on", **rows, **more}


ACME, SIMULATOR = ("acme", 1, 3, "0.035"), ("simulator", 2, 1, "")


@pytest.fixture(autouse=True)
def acme():
    return make_smpp_carrier(name="acme")


class TestRoutes:
    def test_are_made_of_a_country_and_carriers_in_their_order(self, browser):
        page = browser.post(url(Route, "add"), typed(ACME, SIMULATOR, destination="France"))

        assert page.status_code == 302
        route = Route.objects.get()
        assert (route.prefix, route.account, route.sender) == ("33", None, "")
        assert Lane.objects.get().carriers == "acme,simulator"

    def test_can_be_for_one_api_user_of_an_account(self, browser):
        user = make_api_user(account=make_account(name="sms-zz1-1"), login="shop")

        browser.post(
            url(Route, "add"), typed(ACME, account="SMS-ZZ1-1", login="shop", sender="Shop")
        )

        route = Route.objects.get()
        assert (route.api_user, route.account, route.sender) == (user, user.account, "Shop")
        page = browser.get(url(Route, "change", route.pk))
        check_page(page.content.decode())
        assert 'value="shop"' in text_of(page)

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            ({"destination": "Frankreich"}, "There is no country"),
            ({"destination": "Canada"}, "Canada shares the code 1 with others"),
            ({"destination": "33a"}, "At most 15 digits"),
            ({"account": "nobody"}, "There is no account of this name"),
            ({"login": "shop"}, "Say in which account this API user is"),
            ({"account": "sms-zz1-1", "login": "shop"}, "There is no API user of this ID"),
            ({"destination": "32"}, "There is a route for just these messages already"),
            ({"carriers-0-carrier": "gone"}, "gone is not one of the available choices"),
            ({"carriers-0-share": "0"}, "greater than or equal to 1"),
        ],
    )
    def test_say_what_is_wrong(self, browser, wrong, told):
        make_account(name="sms-zz1-1")
        Route.objects.create(prefix="32")

        page = browser.post(url(Route, "add"), typed(ACME, **wrong))

        assert told in text_of(page)
        assert Route.objects.count() == 1

    @pytest.mark.parametrize("rows", [[], [("", 1, 1, "")]])
    def test_need_a_carrier(self, browser, rows):
        page = browser.post(url(Route, "add"), typed(*rows))

        assert "A route needs a carrier" in text_of(page)
        assert not Route.objects.exists()

    def test_name_a_carrier_once(self, browser):
        page = browser.post(url(Route, "add"), typed(ACME, ACME))

        assert page.status_code == 200
        assert not Route.objects.exists()

    def test_are_listed_with_their_carriers_and_what_a_part_leaves(self, browser):
        Rate.objects.create(prefix="33", credits=Decimal("0.05"))
        make_smpp_carrier(name="beta")
        rows = (ACME, ("beta", 1, 1, "0.06"), SIMULATOR)
        browser.post(url(Route, "add"), typed(*rows, destination="33"))

        listed = text_of(browser.get(url(Route)))
        page = text_of(browser.get(url(Route, "change", Route.objects.get().pk)))

        assert "acme ×3 + beta ×1 → simulator" in listed
        left = re.findall(r'Left of our rate:.*?readonly">(.*?)<', page)
        assert left[:3] == ["0.0150", "-0.0100", "–"]

    def test_keep_a_carrier_that_is_no_more(self, browser, monkeypatch):
        browser.post(url(Route, "add"), typed(ACME))
        known = [each for each in carrier_accounts.every() if each.name != "acme"]
        monkeypatch.setattr(carrier_accounts, "every", lambda: known)
        route, row = Route.objects.get(), RouteCarrier.objects.get()

        browser.post(
            url(Route, "change", route.pk),
            typed(ACME, sender="Shop")
            | {"carriers-INITIAL_FORMS": 1, "carriers-0-id": row.pk, "carriers-0-route": route.pk},
        )

        route.refresh_from_db()
        assert (route.sender, route.carriers.get().carrier) == ("Shop", "acme")
