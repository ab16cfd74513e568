"""What staff do from the lists: cancel, hand over again, try again; and who may."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sms_accounts import delivery, handover, reports, submission, unresolved
from sms_accounts.admin import messages as admin_messages
from sms_accounts.carriers import OutcomeUnknown
from sms_accounts.models import (
    Activity,
    Callback,
    DlrPost,
    DlrReport,
    Message,
    Notification,
    State,
)
from tests.admin.rows import make_clerk, make_history, text_of, url
from tests.factories import make_api_user, make_message, make_order
from tests.scripted_carrier import dlr, installed, post
from tests.traces import purse, refunds

pytestmark = pytest.mark.django_db


def chosen(action, *rows, **more):
    return {"action": action, "_selected_action": [row.pk for row in rows], **more}


@pytest.fixture
def user():
    return make_api_user(quota=50)


def scheduled(user, *, receivers=2) -> list[Message]:
    order = make_order(user, receivers=[f"3363998000{n}" for n in range(receivers)])
    later = timezone.now() + timedelta(hours=1)
    receipt = submission.submit(order._replace(scheduled_at=later))
    return list(receipt.submission.messages.order_by("id"))


class TestCancel:
    def test_asks_first_then_cancels_and_gives_back(self, browser, staff, user):
        first, second = scheduled(user)

        asked = text_of(browser.post(url(Message), chosen("cancel", first)))

        assert "their credits go back to whoever paid" in asked
        assert first.msisdn in asked
        assert second.msisdn not in asked
        assert asked.count("<h1") == 1
        first.refresh_from_db()
        assert first.state == State.SCHEDULED

        done = browser.post(url(Message), chosen("cancel", first, confirmed="yes"), follow=True)

        assert "1 message cancelled, its credits given back." in text_of(done)
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.state, second.state) == (State.CANCELLED, State.SCHEDULED)
        assert purse(user) == 49
        change = Activity.objects.latest("id")
        assert (change.action, change.by) == ("message cancelled", staff)

    def test_says_for_how_many_it_was_too_late(self, browser, user):
        first, second = scheduled(user)
        Message.objects.filter(pk=second.pk).update(state=State.QUEUED)

        done = browser.post(
            url(Message), chosen("cancel", first, second, confirmed="yes"), follow=True
        )

        assert "1 message cancelled, its credits given back." in text_of(done)
        assert "Too late for 1 message: it is no longer scheduled." in text_of(done)
        assert refunds(second) == 0

    def test_takes_no_more_than_one_form_can_name(self, browser, user, monkeypatch):
        monkeypatch.setattr(admin_messages, "MOST_AT_ONCE", 1)
        messages = scheduled(user)

        done = browser.post(url(Message), chosen("cancel", *messages, confirmed="yes"), follow=True)

        assert "At most 1 messages can be chosen at once." in text_of(done)
        assert set(Message.objects.values_list("state", flat=True)) == {"scheduled"}

    @pytest.mark.parametrize("action", ["cancel", "release"])
    def test_is_for_those_who_may_change_messages(self, client, user, action):
        [message] = scheduled(user, receivers=1)
        client.force_login(make_clerk("view_message"))
        assert f'value="{action}"' not in text_of(client.get(url(Message)))

        client.post(url(Message), chosen(action, message, confirmed="yes"))

        message.refresh_from_db()
        assert message.state == State.SCHEDULED
        client.force_login(make_clerk("view_message", "change_message"))
        assert f'value="{action}"' in text_of(client.get(url(Message)))


class TestRelease:
    @pytest.fixture
    def parked(self, user, monkeypatch):
        """A message over which the program stumbled until it was parked."""
        installed(monkeypatch)
        message = make_message(user=user)
        with monkeypatch.context() as broken:
            broken.setattr(handover, "_submit_of", lambda *given: 1 / 0)
            for _ in range(unresolved.MOST_FAULTS):
                Message.objects.update(due_at=timezone.now())
                delivery.deliver_due()
        return message

    @pytest.fixture
    def held(self, user, monkeypatch):
        """A message that the carrier never answered."""
        installed(monkeypatch, OutcomeUnknown("silent"))
        message = make_message(user=user)
        delivery.deliver_due()
        return message

    @pytest.mark.parametrize("attention", ["parked", "held"])
    def test_is_offered_for_what_the_filter_finds(self, browser, request, attention):
        make_history()
        message = request.getfixturevalue(attention)

        found = browser.get(url(Message), {"attention": attention})

        assert [row.pk for row in found.context["cl"].result_list] == [message.pk]
        why = message.parked_because or message.events.latest("id").cause
        assert why in text_of(browser.get(url(Message, "change", message.pk)))

    def test_finds_those_whose_policy_is_still_to_be_applied(self, browser, held):
        Message.objects.update(decide_at=timezone.now())

        for attention, count in (("waiting", 1), ("held", 0), ("parked", 0)):
            found = browser.get(url(Message), {"attention": attention})
            assert found.context["cl"].result_count == count

    def test_shows_why_a_message_is_parked(self, browser, parked):
        page = text_of(browser.get(url(Message)))

        assert "The program failed before it was handed over (ZeroDivisionError)" in page

    @pytest.mark.parametrize("which", ["parked", "held"])
    def test_asks_first_then_hands_over_again(self, browser, request, which):
        message = request.getfixturevalue(which)
        asked = text_of(browser.post(url(Message), chosen("release", message)))
        assert "handed to the carrier again" in asked

        done = browser.post(url(Message), chosen("release", message, confirmed="yes"), follow=True)
        delivery.deliver_due()

        assert "1 message is handed over again." in text_of(done)
        message.refresh_from_db()
        assert message.state == State.ENROUTE

    def test_leaves_others_as_they_are(self, browser, user):
        message = make_message(user=user)

        done = browser.post(url(Message), chosen("release", message, confirmed="yes"), follow=True)

        assert "1 message was neither parked nor held, and stays as it is." in text_of(done)


class TestNewTries:
    def test_of_a_callback_show_why_and_start_again(self, browser):
        make_history()
        callback = Callback.objects.get()
        callback.attempts.update(problem="The panel could not make this call (KeyError).")
        Callback.objects.update(given_up_at=timezone.now(), tries=3)
        assert "could not make this call (KeyError)" in text_of(browser.get(url(Callback)))

        done = browser.post(url(Callback), chosen("release", callback), follow=True)

        assert "1 callback is called again." in text_of(done)
        callback.refresh_from_db()
        assert (callback.given_up_at, callback.tries) == (None, 0)
        assert callback.due_at <= timezone.now()

    def test_of_a_notification_show_why_and_start_again(self, browser):
        make_history()
        given_up = Notification.objects.latest("id")
        Notification.objects.filter(pk=given_up.pk).update(
            state="given_up", tries=3, note="The panel could not send this (KeyError)."
        )
        assert "could not send this (KeyError)" in text_of(browser.get(url(Notification)))

        done = browser.post(url(Notification), chosen("release", given_up), follow=True)

        assert "1 notification is sent again." in text_of(done)
        given_up.refresh_from_db()
        assert (given_up.state, given_up.tries) == ("waiting", 0)

    def test_of_a_dlr_show_why_and_start_again(self, browser, user, monkeypatch):
        installed(monkeypatch)
        message = make_message(user=user)
        delivery.deliver_due()
        post(dlr("delivered", reference=message.attempts.get().reference))
        with monkeypatch.context() as broken:
            broken.setattr(reports, "apply", lambda *given: 1 / 0)
            for _ in range(reports.MOST_FAULTS):
                reports.record_dlrs()
        bad = DlrPost.objects.get()
        found = browser.get(url(DlrPost), {"reading": "parked"})
        assert list(found.context["cl"].result_list) == [bad]
        page = text_of(browser.get(url(DlrPost, "change", bad.pk)))
        assert "Could not be applied: ZeroDivisionError" in page

        done = browser.post(url(DlrPost), chosen("release", bad), follow=True)
        reports.record_dlrs()

        assert "1 DLR is tried again." in text_of(done)
        assert DlrReport.objects.get().attempt
        message.refresh_from_db()
        assert message.state == State.DELIVERED

    @pytest.mark.parametrize("model", [Callback, Notification, DlrPost])
    def test_are_for_those_who_may_change_the_rows(self, client, model):
        make_history()
        name = model._meta.model_name
        for permissions, offered in (([], False), ([f"change_{name}"], True)):
            client.force_login(make_clerk(f"view_{name}", *permissions))

            page = text_of(client.get(url(model)))

            assert ('value="release"' in page) == offered
