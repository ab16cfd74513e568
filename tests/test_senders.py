"""Senders: asked for, decided upon, told of, removed, and who may show which."""

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from sms_accounts import mail_outbox, orders, senders, submission
from sms_accounts.models import Account, Activity, Membership, Sender, SenderNotice
from tests.alerted import smtp_at
from tests.factories import (
    make_account,
    make_api_user,
    make_member,
    make_order,
    make_user,
)
from tests.http2sms_calls import ask as call
from tests.mail_server import mail_server
from tests.sign_ins import remembered

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return make_user("alice@example.com")


@pytest.fixture
def account(alice):
    return make_account(owner=alice, name="sms-ab12345-1")


@pytest.fixture
def staff():
    return make_user("staff@example.com", staff=True)


def asked(account, name="Shop", by=None) -> Sender:
    return senders.ask(account, name, description="Parcels", reason="Our brand", by=by)


def last_change() -> Activity:
    change = Activity.objects.order_by("pk").last()
    assert change is not None
    return change


class TestAsk:
    def test_waits_for_staff_and_cannot_be_used_meanwhile(self, account, alice):
        sender = asked(account, by=alice)

        assert (sender.status, sender.reason, sender.asked_by) == ("waiting", "Our brand", alice)
        assert last_change().action == "sender asked for"
        with pytest.raises(orders.SenderNotEnabled):
            submission.submit(make_order(make_api_user(account=account), sender="Shop"))

    def test_is_refused_where_the_account_has_it(self, account):
        asked(account)
        before = Activity.objects.count()

        with pytest.raises(senders.AlreadyThere):
            asked(account)

        assert Activity.objects.count() == before

    def test_brings_a_refused_one_before_staff_again(self, account, staff):
        senders.refuse(asked(account), "Whose brand is it?", by=staff)

        sender = asked(account)

        assert (sender.status, sender.refused_because, sender.decided_at) == ("waiting", "", None)
        assert last_change().before == {"status": "refused"}

    def test_is_refused_where_too_many_wait(self, account, monkeypatch):
        monkeypatch.setattr(senders, "MOST_WAITING", 1)
        asked(account)

        with pytest.raises(senders.TooManyWaiting):
            asked(account, "Other")

        assert not Sender.objects.filter(name="Other").exists()


class TestRemove:
    @pytest.mark.parametrize(
        ("status", "action"), [("waiting", "sender withdrawn"), ("enabled", "sender removed")]
    )
    def test_takes_one_away_that_waits_or_is_enabled(self, account, alice, status, action):
        sender = Sender.objects.create(account=account, name="Shop", status=status)

        assert senders.remove(sender, by=alice)

        assert not Sender.objects.filter(name="Shop").exists()
        assert last_change().action == action
        assert not senders.remove(sender, by=alice)

    def test_leaves_a_refused_one_on_record(self, account, staff):
        sender = asked(account)
        senders.refuse(sender, "No", by=staff)

        assert not senders.remove(sender, by=None)

        assert Sender.objects.filter(name="Shop").exists()


class TestUsers:
    def test_chosen_ones_alone_may_show_it(self, account, alice):
        chosen, other = make_api_user(account=account), make_api_user(account=account)
        sender = Sender.objects.get(name="Example")

        assert senders.set_users(sender, [chosen], by=alice)

        submission.submit(make_order(chosen))
        with pytest.raises(orders.SenderNotEnabled):
            submission.submit(make_order(other))
        assert last_change().after == {"sender": "Example", "users": [chosen.login]}

    def test_the_next_call_counts_although_the_caller_is_remembered(self, account, client):
        user, other = make_api_user(account=account), make_api_user(account=account)
        assert call(client, user)[0] == 100

        senders.set_users(Sender.objects.get(name="Example"), [other], by=None)

        assert call(client, user)[0] == 241
        assert call(client, other)[0] == 100

    def test_what_is_remembered_is_outdated_by_each_change(self, account):
        user, other = make_api_user(account=account), make_api_user(account=account)
        sender = Sender.objects.get(name="Example")
        for users in ([other], [other, user], [user], None):
            order = make_order(user)
            caller = remembered(user)
            senders.set_users(sender, users, by=None)

            judged = orders.Priced(
                order=order._replace(judged_by=caller),
                sender="Example",
                quote=orders.quote(order),
                at=timezone.now(),
            )
            [outcome] = submission.store_each([judged])

            assert isinstance(outcome, submission.Outdated)

    def test_a_caller_remembers_only_what_it_may_show(self, account):
        user, other = make_api_user(account=account), make_api_user(account=account)
        replies = Sender.objects.create(
            account=account, name="36184", status="enabled", takes_replies=True
        )
        senders.set_users(replies, [other], by=None)

        assert remembered(user).senders == {"Example"}
        assert remembered(user).reply_sender == ""
        assert remembered(other).reply_sender == "36184"
        assert orders.reply_sender(account, api_user=other) == "36184"
        with pytest.raises(orders.NoReplySender):
            orders.reply_sender(account, api_user=user)

    def test_the_same_again_changes_nothing(self, account):
        user = make_api_user(account=account)
        sender = Sender.objects.get(name="Example")
        senders.set_users(sender, [user], by=None)

        assert not senders.set_users(sender, [user], by=None)
        assert senders.set_users(sender, None, by=None)
        assert last_change().before == {"users": [user.login]}


class TestDecisions:
    def test_are_told_to_owners_and_managers(self, account, staff):
        manager = make_member(account, Membership.Role.MANAGER)
        make_member(account, Membership.Role.VIEWER)
        senders.enable_sender(account, asked(account).name, by=staff)
        assert mail.outbox == []

        assert senders.tell_due() == 2

        told = {address for each in mail.outbox for address in each.to}
        assert told == {"alice@example.com", manager.email}
        assert mail.outbox[0].subject == "sms-ab12345-1: the sender Shop was approved"
        assert "/sms/sms-ab12345-1/senders/" in mail.outbox[0].body
        assert senders.tell_due() == 0

    def test_say_why_one_was_refused(self, account, staff):
        assert senders.refuse(asked(account), "Whose brand is it?", by=staff)

        senders.tell_due()

        assert mail.outbox[0].subject.endswith("the sender Shop was refused")
        assert "Reason: Whose brand is it?" in mail.outbox[0].body
        assert Sender.objects.get(name="Shop").refused_because == "Whose brand is it?"
        assert last_change().after["because"] == "Whose brand is it?"

    def test_are_told_in_the_language_of_the_account(self, account, staff):
        Account.objects.update(language="fr")
        senders.refuse(asked(account), "À qui est cette marque ?", by=staff)

        senders.tell_due()

        assert mail.outbox[0].subject.endswith("l'expéditeur Shop a été refusé")
        assert "Bonjour," in mail.outbox[0].body
        assert "Motif : À qui est cette marque ?" in mail.outbox[0].body

    def test_are_told_once(self, account, staff):
        sender = asked(account)
        senders.refuse(sender, "No", by=staff)

        assert not senders.refuse(sender, "No", by=staff)

        assert SenderNotice.objects.count() == 1

    def test_on_senders_that_nobody_asked_for_are_told_to_nobody(self, account):
        senders.enable_sender(account, "Added", by=None)

        assert not SenderNotice.objects.exists()

    def test_wait_for_a_mail_server_that_is_away(self, account, staff, settings):
        senders.refuse(asked(account), "No", by=staff)
        with time_machine.travel(timezone.now(), tick=False) as clock:
            smtp_at(settings, 1)
            for _ in range(mail_outbox.MOST_TRIES - 1):
                assert senders.tell_due() == 0
                assert SenderNotice.objects.get().state == "waiting"
                clock.shift(mail_outbox.AGAIN)
            senders.tell_due()

        assert SenderNotice.objects.get().state == "given_up"

    def test_keep_what_the_mail_server_said(self, account, staff, settings):
        senders.refuse(asked(account), "No", by=staff)
        with mail_server() as server:
            smtp_at(settings, server.port)
            senders.tell_due()

        notice = SenderNotice.objects.get()
        assert (notice.state, notice.note[:3]) == ("done", "250")
