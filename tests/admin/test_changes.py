"""The staff's pages of senders, rates, API users and people."""

from datetime import timedelta
from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from django.urls import reverse
from django.utils import timezone

from sms_accounts import api_users, senders
from sms_accounts.models import (
    Activity,
    ApiUser,
    Rate,
    Sender,
    SenderNotice,
    User,
)
from tests.admin.rows import make_clerk, text_of, url
from tests.factories import PASSWORD, make_account, make_api_user, make_user
from tests.sign_ins import note_call

pytestmark = pytest.mark.django_db


class TestSenders:
    def make(self) -> Sender:
        return Sender.objects.create(account=make_account(), name="Shop")

    @pytest.mark.parametrize(("action", "status"), [("approve", "enabled"), ("refuse", "refused")])
    def test_are_decided_upon_many_at_once(self, browser, staff, action, status):
        chosen = {
            "action": action,
            "because": "Not yours",
            "_selected_action": [self.make().pk, self.make().pk],
        }

        page = browser.post(url(Sender), chosen, follow=True)

        assert f"2 senders changed: {status.title()}." in text_of(page)
        assert set(Sender.objects.filter(name="Shop").values_list("status", flat=True)) == {status}
        recorded = Activity.objects.filter(action=f"sender {status}", by=staff)
        assert recorded.count() == 2
        assert SenderNotice.objects.filter(status=status).count() == 2

    def test_are_refused_only_with_a_reason(self, browser):
        sender = self.make()
        chosen = {"action": "refuse", "because": " ", "_selected_action": [sender.pk]}
        fields = {"status": "refused", "refused_because": "", "description": ""}

        listed = text_of(browser.post(url(Sender), chosen, follow=True))
        changed = text_of(browser.post(url(Sender, "change", sender.pk), fields))

        sender.refresh_from_db()
        assert "Say why: the holder reads it." in listed
        assert "Say why: the holder reads it." in changed
        assert sender.status == "waiting"

    @pytest.mark.parametrize("status", ["enabled", "refused"])
    def test_are_decided_upon_one_by_one(self, browser, staff, status):
        sender = self.make()
        fields = {"status": status, "refused_because": "Not yours", "description": ""}

        browser.post(url(Sender, "change", sender.pk), fields)

        sender.refresh_from_db()
        assert sender.status == status
        assert sender.refused_because == ("Not yours" if status == "refused" else "")
        change = Activity.objects.order_by("pk").last()
        assert change is not None
        assert (change.action, change.by) == (f"sender {status}", staff)
        assert change.before["status"] == "waiting"

    def test_can_be_made_to_wait_again(self, browser):
        sender = self.make()
        senders.enable_sender(sender.account, sender.name, by=None)
        SenderNotice.objects.all().delete()

        browser.post(url(Sender, "change", sender.pk), {"status": "waiting", "description": ""})

        sender.refresh_from_db()
        assert (sender.status, sender.decided_at) == ("waiting", None)
        assert not SenderNotice.objects.exists()

    def test_are_added_for_an_account(self, browser, staff):
        account = make_account()
        fields = {"account": account.name, "name": "Shop", "status": "enabled", "description": ""}

        browser.post(url(Sender, "add"), fields)

        assert Sender.objects.get(name="Shop").account == account
        assert Activity.objects.filter(action="sender added", by=staff).exists()

    def test_are_added_only_with_a_name_that_handsets_show(self, browser):
        fields = {"account": "sms-zz-1", "name": "Ex!", "status": "enabled", "description": ""}

        page = text_of(browser.post(url(Sender, "add"), fields))

        assert "There is no account of this name." in page
        assert "3 to 11 letters and digits" in page


class TestSendersThatTakeReplies:
    def fields(self, **changes) -> dict[str, object]:
        return {"status": "enabled", "takes_replies": "on", "description": "", **changes}

    def test_are_chosen_among_numbers(self, browser, staff):
        account = make_account()
        sender = Sender.objects.create(account=account, name="33639980009", status="enabled")

        browser.post(url(Sender, "change", sender.pk), self.fields())

        sender.refresh_from_db()
        assert sender.takes_replies
        change = Activity.objects.get(action="sender changed", by=staff)
        assert change.before == {"takes replies": False}
        assert change.after == {"sender": "33639980009", "takes replies": True}

    def test_are_recorded_once(self, browser):
        sender = Sender.objects.create(
            account=make_account(), name="33639980009", status="enabled", takes_replies=True
        )

        browser.post(url(Sender, "change", sender.pk), self.fields(description="Support"))

        sender.refresh_from_db()
        assert sender.description == "Support"
        assert not Activity.objects.filter(action="sender changed").exists()

    def test_are_no_names(self, browser):
        account = make_account()
        sender = Sender.objects.create(account=account, name="Shop", status="enabled")

        changed = text_of(browser.post(url(Sender, "change", sender.pk), self.fields()))
        added = text_of(
            browser.post(url(Sender, "add"), self.fields(account=account.name, name="Other"))
        )

        sender.refresh_from_db()
        assert "Replies reach a number only, never a name." in changed
        assert "Replies reach a number only, never a name." in added
        assert not sender.takes_replies
        assert not Sender.objects.filter(name="Other").exists()

    def test_are_added_as_such(self, browser):
        account = make_account()

        browser.post(url(Sender, "add"), self.fields(account=account.name, name="33639980009"))

        assert Sender.objects.get(name="33639980009").takes_replies
        assert Activity.objects.get(action="sender added").after["takes replies"] is True


class TestRates:
    def test_are_added_changed_and_deleted(self, browser):
        browser.post(url(Rate, "add"), {"prefix": "33", "credits": "1.50", "description": ""})
        rate = Rate.objects.get(prefix="33")
        fields = {"prefix": "33", "credits": "2", "description": "France"}
        browser.post(url(Rate, "change", rate.pk), fields)
        rate.refresh_from_db()

        assert (rate.credits, rate.description) == (Decimal(2), "France")
        browser.post(url(Rate, "delete", rate.pk), {"post": "yes"})
        assert not Rate.objects.filter(prefix="33").exists()

    @pytest.mark.parametrize(
        ("prefix", "credits", "sentence"),
        [
            ("+33", "1", "Digits only, without plus sign."),
            ("33", "0", "greater than or equal to 0.01"),
            ("33", "1.005", "no more than 2 decimal places"),
        ],
    )
    def test_name_what_is_wrong(self, browser, prefix, credits, sentence):
        fields = {"prefix": prefix, "credits": credits, "description": ""}

        assert sentence in text_of(browser.post(url(Rate, "add"), fields))


class TestApiUsers:
    def test_are_disabled_and_enabled(self, browser, staff):
        user = make_api_user()

        page = browser.post(
            url(ApiUser), {"action": "disable", "_selected_action": user.pk}, follow=True
        )
        assert "1 API user disabled." in text_of(page)
        user.refresh_from_db()
        assert not user.is_enabled
        assert Activity.objects.filter(action="disabled", by=staff, api_user=user).exists()

        browser.post(url(ApiUser), {"action": "enable", "_selected_action": user.pk})
        user.refresh_from_db()
        assert user.is_enabled

    def test_are_not_switched_by_those_who_may_only_read(self, client):
        user = make_api_user()
        reader = make_clerk("view_apiuser")
        client.force_login(reader)

        client.post(url(ApiUser), {"action": "disable", "_selected_action": user.pk})

        user.refresh_from_db()
        assert user.is_enabled

    def test_stay_deleted(self, browser):
        user = make_api_user()
        ApiUser.objects.filter(pk=user.pk).update(deleted_at=timezone.now(), is_enabled=False)

        browser.post(url(ApiUser), {"action": "enable", "_selected_action": user.pk})

        user.refresh_from_db()
        assert not user.is_enabled

    def test_show_no_secret(self, browser):
        user = make_api_user(quota=7, threshold=5)

        page = text_of(browser.get(url(ApiUser, "change", user.pk)))

        assert user.password not in page
        assert user.password.split("$")[-1] not in page
        assert "7.00" in page

    @pytest.mark.parametrize("field", ["password", "former_password"])
    def test_cannot_be_asked_for_by_their_hash(self, browser, field):
        user = make_api_user()

        response = browser.get(url(ApiUser), {f"{field}__startswith": user.password[:5]})

        assert response.status_code == 400

    def test_show_how_they_are_protected_and_used(self, browser):
        user = make_api_user(restrictions=["192.0.2.0/24"])
        protection = api_users.Protection(
            refuses_url_passwords=True, messages_a_minute=4321, countries=("BE",)
        )
        api_users.set_protection(user, protection, by=None)
        keep = api_users.KeepFormer(timedelta(days=1))
        api_users.set_password(user, "NewSecret1", keep_former=keep, by=None)
        note_call(user, "198.51.100.7")

        page = text_of(browser.get(url(ApiUser, "change", user.pk)))

        user.refresh_from_db()
        for shown in ("4321", "BE", "Former password works until", "198.51.100.7, in the URL"):
            assert shown in page
        for stored in (user.password, user.former_password):
            assert stored not in page
            assert stored.split("$")[-1] not in page


class TestPeople:
    NEW = {
        "email": "Carol@Example.com",
        "name": "Carol",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }

    def test_are_added_with_address_and_password(self, browser):
        browser.post(url(User, "add"), self.NEW)

        assert User.objects.get(email="carol@example.com").check_password(PASSWORD)

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"email": "STAFF@example.com"}, "exists already"),
            ({"email": "carol"}, "Enter a valid email address."),
            ({"password1": "1234", "password2": "1234"}, "This password is too short."),
            ({"password2": "another long one"}, "The two password fields didn’t match."),
        ],
    )
    def test_are_not_added_with_something_wrong(self, browser, fields, sentence):
        page = text_of(browser.post(url(User, "add"), {**self.NEW, **fields}))

        assert sentence in page
        assert User.objects.count() == 1

    def test_get_a_new_password(self, browser):
        person = make_user()
        page = reverse("admin:auth_user_password_change", args=[person.pk])

        browser.post(page, {"password1": "a new long one", "password2": "a new long one"})

        person.refresh_from_db()
        assert person.check_password("a new long one")

    def test_lose_the_former_address_as_a_sign_in(self, browser):
        person = make_user("dave@example.com")
        EmailAddress.objects.create(user=person, email="dave@example.com", verified=True)
        fields = {"email": "david@example.com", "name": "", "is_active": "on"}

        browser.post(url(User, "change", person.pk), fields)

        person.refresh_from_db()
        assert person.email == "david@example.com"
        assert not EmailAddress.objects.exists()

    def test_are_never_deleted(self, browser):
        page = url(User, "delete", make_user().pk)

        assert browser.post(page, {"post": "yes"}).status_code == 403

    def test_cannot_make_themselves_superusers(self, client, staff):
        clerk = make_clerk("change_user", "add_user", "view_user")
        client.force_login(clerk)
        fields = {"email": clerk.email, "name": "Clerk", "is_active": "on", "is_superuser": "on"}

        client.post(url(User, "change", clerk.pk), fields)
        own = User.objects.get(pk=clerk.pk)

        assert (own.name, own.is_superuser) == ("Clerk", False)
        page = reverse("admin:auth_user_password_change", args=[staff.pk])
        assert client.post(page, {"password1": "x" * 20, "password2": "x" * 20}).status_code == 403
        assert client.post(url(User, "change", staff.pk), fields).status_code == 403
