"""How staff say how long texts are kept, and what they see of those that are not."""

import pytest
from django.utils import timezone

from sms_accounts.models import Account, Activity, ApiUser, DlrPost, Message, Submission
from tests.admin.rows import make_clerk, make_history, text_of, url
from tests.factories import make_account, make_api_user

pytestmark = pytest.mark.django_db


class TestPeriod:
    def fields(self, account, **changes):
        owner = account.memberships.get()
        return {
            "description": account.description,
            "is_enabled": "on",
            "time_zone": account.time_zone,
            "language": account.language,
            "home_country": "",
            "unknown_outcome": "hold",
            "retention_days": "",
            "memberships-TOTAL_FORMS": "1",
            "memberships-INITIAL_FORMS": "1",
            "memberships-0-id": str(owner.pk),
            "memberships-0-account": str(account.pk),
            "memberships-0-user": owner.user.email,
            "memberships-0-role": "owner",
            **changes,
        }

    def test_is_set_by_staff_and_recorded_for_the_holder(self, browser, staff):
        account = make_account()

        browser.post(url(Account, "change", account.pk), self.fields(account, retention_days="90"))

        account.refresh_from_db()
        assert account.retention_days == 90
        change = Activity.objects.latest("pk")
        assert (change.account, change.action, change.by) == (account, "account changed", staff)
        assert (change.before, change.after) == (
            {"retention_days": None},
            {"retention_days": 90},
        )

    @pytest.mark.parametrize("days", ["0", "-5", "4000", "soon"])
    def test_is_refused_where_it_makes_no_sense(self, browser, days):
        account = make_account()

        browser.post(url(Account, "change", account.pk), self.fields(account, retention_days=days))

        account.refresh_from_db()
        assert account.retention_days is None


class TestNoTexts:
    def test_are_kept_of_chosen_users_and_that_is_recorded(self, browser, staff):
        users = [make_api_user(), make_api_user()]
        chosen = {"_selected_action": [user.pk for user in users]}

        page = browser.post(url(ApiUser), {"action": "keep_no_texts", **chosen}, follow=True)

        assert "2 API users changed." in text_of(page)
        assert ApiUser.objects.filter(keeps_no_texts=True).count() == 2
        change = Activity.objects.latest("pk")
        assert (change.by, change.after) == (staff, {"keeps no texts": True})

        browser.post(url(ApiUser), {"action": "keep_texts", **chosen})

        assert not ApiUser.objects.filter(keeps_no_texts=True).exists()

    def test_are_not_for_everybody_of_the_staff_to_decide(self, client):
        user = make_api_user()
        client.force_login(make_clerk("view_apiuser"))

        client.post(
            url(ApiUser), {"action": "keep_no_texts", "_selected_action": [user.pk]}, follow=True
        )

        assert not ApiUser.objects.filter(keeps_no_texts=True).exists()


def test_what_was_removed_is_said_to_be(browser):
    message = make_history()
    now = timezone.now()
    Submission.objects.update(text="", text_removed_at=now, numbers_removed_at=now)
    Message.objects.update(msisdn="004")
    DlrPost.objects.update(body=b"", body_removed_at=now)
    removed = f"Removed on {now:%Y-%m-%d}"

    shown = text_of(browser.get(url(Message, "change", message.pk)))
    assert removed in shown
    assert "…004" in shown
    assert "…004" in text_of(browser.get(url(Message)))
    assert removed in text_of(browser.get(url(Submission, "change", message.submission_id)))
    post = DlrPost.objects.get()
    assert removed in text_of(browser.get(url(DlrPost, "change", post.pk)))
