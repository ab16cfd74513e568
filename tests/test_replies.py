"""What follows of a reply: STOP and START, their answers, and the URLs that hear of it."""

import json
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_network

import pytest
from django.utils import timezone, translation
from standardwebhooks import Webhook

from sms_accounts import (
    accounts,
    api_users,
    callback_replays,
    callback_secrets,
    callback_settings,
    callbacks,
    gsm,
    opt_outs,
    orders,
    received_posts,
    receiving,
    stop_answers,
    submission,
)
from sms_accounts.models import (
    Activity,
    ApiUser,
    Callback,
    Message,
    OptOut,
    Received,
    Sender,
    State,
    Submission,
)
from tests.factories import MSISDN, make_callback, make_order
from tests.receiver import Receiver
from tests.replied import NUMBER, came, came_by_smpp, make_sent, make_user, part

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_user(credits=200)


def answers():
    return Message.objects.filter(submission__channel=Submission.Channel.ANSWER)


def credits_of(account):
    account.wallet.refresh_from_db()
    return account.wallet.credits


class TestStop:
    def test_puts_the_number_on_the_list_and_is_answered_once(self, user):
        make_sent(user)
        paid = credits_of(user.account)

        received = came("Stop!")

        assert (received.keyword, received.note) == ("stop", "")
        listed = OptOut.objects.get()
        assert (listed.account, listed.msisdn) == (user.account, MSISDN)
        assert (listed.source, listed.note) == (OptOut.Source.REPLY, "Stop!")
        assert Activity.objects.filter(account=user.account, action="opt-outs added").exists()
        [answer] = answers()
        assert received.answer == answer.submission
        assert (answer.msisdn, answer.submission.sender) == (MSISDN, NUMBER)
        assert answer.submission.text.startswith(f"You get no more messages from +{NUMBER}.")
        assert (answer.submission.api_user, answer.state) == (None, State.QUEUED)
        assert credits_of(user.account) == paid - 1
        with pytest.raises(orders.OptedOut):
            submission.submit(make_order(ApiUser.objects.get(pk=user.pk)))

    def test_is_answered_also_where_the_account_has_a_list_already(self, user):
        opt_outs.add(user.account, {"32470123456": ""}, source=OptOut.Source.HAND, by=None)

        assert came("STOP").answer is not None

    def test_that_comes_again_changes_nothing_and_is_not_answered(self, user):
        came("STOP", carrier_id="1")
        again = came("STOP", carrier_id="2")

        assert (OptOut.objects.count(), answers().count()) == (1, 1)
        assert (again.keyword, again.answer) == ("stop", None)
        assert again.note == "Nothing changed by it, so it was not answered."

    def test_and_start_in_turn_are_answered_once_a_day_each(self, user, time_machine):
        for number in range(6):
            came("STOP" if number % 2 == 0 else "START", carrier_id=str(number))
        assert answers().count() == 2
        assert Received.objects.get(carrier_id="2").note == (
            "Not answered: the same word was answered within a day."
        )

        time_machine.move_to(timezone.now() + timedelta(days=1, seconds=1))
        came("STOP", carrier_id="7")
        assert answers().count() == 3

    def test_among_other_words_is_a_message_for_somebody_to_read(self, user):
        assert came("Please stop").keyword == ""
        assert not OptOut.objects.exists()

    def test_counts_for_the_account_that_sent_and_no_other(self, user):
        other = make_user()
        make_sent(user)

        came("STOP")

        assert OptOut.objects.get().account == user.account
        assert submission.submit(make_order(other)).message_ids

    @pytest.mark.parametrize("sender", ["36184", "Bank", "1234567890123456"])
    def test_of_a_machine_is_neither_heeded_nor_answered(self, user, sender):
        received = came("STOP", sender=sender)

        assert (received.account, received.keyword) == (user.account, "")
        assert not OptOut.objects.exists()
        assert not answers().exists()

    def test_in_part_of_a_text_is_not_heeded(self, user, time_machine):
        make_sent(user, sender="36184")
        came_by_smpp(part(1, b"STOP"))
        time_machine.move_to(timezone.now() + receiving.INCOMPLETE_AFTER)
        receiving.read_received()

        assert not OptOut.objects.exists()

    def test_to_a_number_of_nobody_changes_nothing(self):
        assert came("STOP").keyword == ""
        assert not OptOut.objects.exists()


class TestStart:
    def test_takes_the_number_off_the_list_and_is_answered(self, user):
        came("STOP")
        received = came("start")

        assert not OptOut.objects.exists()
        assert received.answer.text == (
            f"You get messages from +{NUMBER} again. Reply STOP to end them."
        )
        assert submission.submit(make_order(user)).message_ids

    def test_leaves_who_was_put_there_by_hand(self, user):
        opt_outs.add(user.account, {MSISDN: "rang"}, source=OptOut.Source.HAND, by=None)

        received = came("START")

        assert OptOut.objects.get().note == "rang"
        assert received.answer is None

    def test_without_a_stop_before_it_changes_nothing(self, user):
        assert came("START").note == "Nothing changed by it, so it was not answered."
        assert not answers().exists()


class TestAnswer:
    def why_not(self, user):
        received = came("STOP")
        assert received.answer is None
        assert not answers().exists()
        # What was asked is done all the same.
        assert OptOut.objects.get().msisdn == MSISDN
        return received.note

    def test_may_be_switched_off(self, user):
        assert accounts.answers_stop(user.account)
        assert accounts.set_answers_stop(user.account, False, by=None)
        assert not accounts.set_answers_stop(user.account, False, by=None)

        assert self.why_not(user) == "Not answered: answers are switched off."
        assert Activity.objects.filter(action="answers to STOP changed").count() == 1

    def test_is_left_out_where_the_account_cannot_pay_it(self):
        user = make_user(credits=Decimal("0.50"))

        note = self.why_not(user)

        assert note == "Not answered: the account's credits did not suffice."
        assert credits_of(user.account) == Decimal("0.50")

    def test_is_left_out_where_the_number_is_no_sender_any_more(self, user):
        make_sent(user)
        Sender.objects.filter(name=NUMBER).delete()

        assert self.why_not(user).startswith("Not answered: the number is no enabled sender")

    def test_is_left_out_where_the_account_is_disabled(self, user):
        user.account.is_enabled = False
        user.account.save(update_fields=["is_enabled"])

        assert self.why_not(user) == "Not answered: the account is disabled."

    def test_is_paid_by_the_account_and_never_by_a_quota(self):
        user = make_user(credits=200, quota=100)
        make_sent(user)
        held = ApiUser.objects.get(pk=user.pk).wallet.credits

        came("STOP")

        assert ApiUser.objects.get(pk=user.pk).wallet.credits == held
        assert answers().get().submission.wallet_id == user.account.wallet_id

    @pytest.mark.parametrize("language", ["en", "fr"])
    @pytest.mark.parametrize("keyword", ["stop", "start"])
    def test_is_one_part_in_the_language_of_the_account(self, language, keyword):
        account = make_user(language=language).account
        received = Received(keyword=keyword, number="123456789012345")

        text = stop_answers.text_of(received, account)

        assert (gsm.measure(text).coding, gsm.measure(text).parts) == ("gsm7", 1)
        assert ("Répondez" in text) == (language == "fr")
        assert translation.get_language() == "en"


@pytest.fixture
def receiver(settings):
    settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]
    with Receiver() as receiver:
        yield receiver


def told():
    return list(Callback.objects.order_by("pk").values_list("url", "api_user", "sequence"))


ONE, TWO = "https://one.example/sms", "https://two.example/sms"


class TestForwarding:
    def test_goes_to_the_url_of_the_user_and_to_that_of_the_account(self, user):
        api_users.set_callback(user, "", replies_url=ONE, by=None)
        accounts.set_callback(user.account, "https://dlr.example", replies_url=TWO, by=None)
        make_sent(user)

        came()

        assert sorted(told()) == [(ONE, user.pk, 1), (TWO, None, 1)]

    def test_goes_once_to_a_url_that_both_have(self, user):
        for store, whose in ((api_users, user), (accounts, user.account)):
            store.set_callback(whose, "", replies_url=ONE, by=None)
        make_sent(user)

        came("one")
        assert told() == [(ONE, user.pk, 1)]

        ApiUser.objects.filter(pk=user.pk).update(deleted_at=timezone.now())
        came("two")
        assert told()[1:] == [(ONE, None, 1)]

    def test_goes_nowhere_without_a_url_or_an_account(self, user):
        came("one")
        accounts.set_callback(user.account, "", replies_url=ONE, by=None)
        came("two", receiver="36184")

        assert told() == []

    def test_by_get_adds_what_was_said_to_the_url(self, user, receiver):
        api_users.set_callback(user, "", replies_url=f"{receiver.url}?key=%2f", by=None)
        secret = callback_secrets.renew(user, by=None)
        sent = make_sent(user, tag="spring")
        received = came("Ça va & co")

        assert callbacks.call_due() == 1

        [request] = receiver.requests
        assert request.values == [
            ("key", "/"),
            ("id", str(received.pk)),
            ("from", MSISDN),
            ("to", NUMBER),
            ("text", "Ça va & co"),
            ("date", f"{received.received_at:%Y-%m-%d %H:%M:%S}"),
            ("messageId", str(sent.pk)),
            ("tag", "spring"),
        ]
        assert request.headers["Webhook-Id"] == f"reply_{received.pk}_1"
        Webhook(secret).verify(request.query, request.headers, json_parse=False)
        assert Callback.objects.get().done_at is not None

    def test_by_post_is_json(self, user, receiver):
        accounts.set_callback(user.account, "", method="post", replies_url=receiver.url, by=None)
        secret = callback_secrets.renew(user.account, by=None)
        received = came("STOP")

        callbacks.call_due()

        [request] = receiver.requests
        Webhook(secret).verify(request.body, request.headers)
        assert json.loads(request.body) == {
            "id": str(received.pk),
            "from": MSISDN,
            "to": NUMBER,
            "text": "STOP",
            "date": f"{received.received_at:%Y-%m-%d %H:%M:%S}",
            "keyword": "stop",
            "sequence": 1,
            "receivedAt": received.received_at.isoformat(timespec="milliseconds"),
            "parts": 1,
            "missing": 0,
        }

    def test_tells_of_a_part_that_was_late_once_more(self, user, time_machine):
        accounts.set_callback(user.account, "", replies_url=ONE, by=None)
        make_sent(user, sender="36184")
        came_by_smpp(part(2, b"end"))
        assert told() == []
        time_machine.move_to(timezone.now() + receiving.INCOMPLETE_AFTER)
        receiving.read_received()
        received_posts.store("acme", [part(1, b"the "), part(2, b"end")], "application/smpp")
        receiving.read_received()

        assert told() == [(ONE, None, 1), (ONE, None, 2)]
        assert Received.objects.get().text == "the end"

    def test_is_sent_again_like_any_other(self, user):
        accounts.set_callback(user.account, "", replies_url=ONE, by=None)
        received = came()
        callback = Callback.objects.get()
        Callback.objects.update(given_up_at=timezone.now())

        assert callback_replays.send_again(callback, by=None)

        assert Callback.objects.open().count() == 1
        again = Activity.objects.get(action="callback sent again")
        assert again.after == {"reply": received.pk, "change": 1}


class TestUrl:
    def test_is_recorded_and_takes_along_what_waits_for_the_old_one(self, user):
        accounts.set_callback(user.account, ONE, replies_url=ONE, by=None)
        came()
        change = make_callback(ONE, message=make_sent(user))

        assert accounts.set_callback(user.account, ONE, replies_url=TWO, by=None)
        assert not accounts.set_callback(user.account, ONE, replies_url=TWO, by=None)

        assert Callback.objects.get(received__isnull=False).url == TWO
        change.refresh_from_db()
        assert (change.url, change.given_up_at) == (ONE, None)
        recorded = Activity.objects.filter(action="URL for replies changed").latest("pk")
        assert (recorded.before, recorded.after) == ({"url": ONE}, {"url": TWO})

    def test_of_changes_leaves_replies_alone(self, user):
        accounts.set_callback(user.account, ONE, replies_url=ONE, by=None)
        came()

        accounts.set_callback(user.account, TWO, by=None)

        assert told() == [(ONE, None, 1)]
        assert callback_settings.replies_url(user.account) == ONE

    def test_that_is_taken_away_ends_what_waits(self, user):
        accounts.set_callback(user.account, "", replies_url=ONE, by=None)
        came()

        accounts.set_callback(user.account, "", replies_url="", by=None)

        assert not Callback.objects.open().exists()

    def test_of_a_user_leaves_the_account_waiting_where_both_had_it(self, user):
        for store, whose in ((api_users, user), (accounts, user.account)):
            store.set_callback(whose, "", replies_url=ONE, by=None)
        make_sent(user)
        came()

        api_users.set_callback(user, "", replies_url=TWO, by=None)

        assert told() == [(ONE, None, 1)]
