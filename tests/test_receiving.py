"""Messages from phones: kept raw, stored once, joined, and matched to what was sent."""

import json
from datetime import timedelta
from itertools import permutations
from urllib.parse import quote, urlsplit

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from sms_accounts import carrier_accounts, received_posts, receiving, replies, reply_matching
from sms_accounts.carriers.smpp import texts
from sms_accounts.models import Message, Received, ReceivedPost, Submission
from tests.factories import MSISDN, make_account, make_http_carrier, make_smpp_carrier
from tests.plans import plan_of, to_others
from tests.replied import NUMBER, came, came_by_smpp, make_number, make_sent, make_user, part
from tests.smpp.test_phones import from_phone

pytestmark = pytest.mark.django_db

URL = "/received/simulator/"
SECRET = "carrier-secret"
FIELDS = "to=36184&text=%C3%87a+va+%F0%9F%91%8D&id=7"


@pytest.fixture(autouse=True)
def secret(settings):
    settings.SIMULATOR_SECRET = SECRET


def call(method="POST", body="", *, query="", content_type="", secret=SECRET, url=URL, **extra):
    client = Client(enforce_csrf_checks=True)
    headers = {"Authorization": f"Bearer {secret}"}
    return client.generic(
        method, f"{url}{query}", body, content_type=content_type, headers=headers, **extra
    )


class TestEndpoint:
    @pytest.mark.parametrize(
        "sent",
        [
            {"method": "GET", "query": f"?from=%2B33639980004&{FIELDS}"},
            {"method": "GET", "query": f"?from=+33639980004&{FIELDS}"},
            {
                "body": f"from=0033639980004&{FIELDS}&other=",
                "content_type": "application/x-www-form-urlencoded",
            },
            {
                "body": json.dumps(
                    {"from": 33639980004, "to": "36184", "text": "Ça va 👍", "id": 7, "b": None}
                ),
                "content_type": "application/json; charset=utf-8",
            },
        ],
    )
    def test_takes_queries_forms_and_json(self, sent):
        assert call(**sent).content == b"OK"
        receiving.read_received()

        received = Received.objects.get()
        assert (received.msisdn, received.number) == (MSISDN, "36184")
        assert (received.text, received.carrier_id) == ("Ça va 👍", "7")

    @pytest.mark.parametrize(
        ("charset", "text", "problem"),
        [
            ("", "Ça", ""),
            ("UTF-8", "Ça", ""),
            ("utf-16be", "Ça  👍", ""),
            ("ISO-8859-1", "Ça", ""),
            ("WINDOWS-1252", "5 €", ""),
            ("KOI8-R", "Да", "'charset' is none that is known here"),
        ],
    )
    def test_reads_a_query_in_the_charset_that_it_names(self, charset, text, problem):
        octets = quote(text.encode(charset or "utf-8"))

        call("GET", query=f"?from=%2B33639980004&to=36184&text={octets}&charset={charset}")
        receiving.read_received()

        assert ReceivedPost.objects.get().problem == problem
        found = Received.objects.values_list("msisdn", "text")
        assert list(found) == ([] if problem else [(MSISDN, text)])

    def test_keeps_what_it_cannot_understand_and_says_what_is_wrong(self):
        assert call(body=b"\xff\x00{", content_type="application/json").status_code == 200
        assert call("GET", query="?from=1&to=2").status_code == 200

        receiving.read_received()

        assert [bytes(post.body) for post in ReceivedPost.objects.order_by("pk")] == [
            b"\xff\x00{",
            b"from=1&to=2",
        ]
        problems = ReceivedPost.objects.order_by("pk").values_list("problem", flat=True)
        assert list(problems) == ["the body is not JSON", "'text' is missing"]
        assert not Received.objects.exists()

    def test_rings_after_it_was_stored(self, monkeypatch):
        stored = []
        ring = "sms_accounts.endpoints.received.reply_bell.ring"
        monkeypatch.setattr(ring, lambda: stored.append(ReceivedPost.objects.count()))

        call(body="text=a")

        assert stored == [1]

    def test_lets_nobody_else_in(self):
        assert call(secret="wrong").status_code == 403
        assert call(url="/received/nobody/").status_code == 404
        make_smpp_carrier()
        assert call(url="/received/acme/").status_code == 403
        assert call("PUT").status_code == 405
        assert not ReceivedPost.objects.exists()

    @pytest.mark.parametrize("end", ["/", ""])
    def test_lets_a_carrier_in_that_has_but_the_url_it_was_given(self, end):
        row = make_http_carrier()
        url = urlsplit(carrier_accounts.received_address_of(row)).path.rstrip("/") + end

        assert call("GET", url=url, query=f"?from=33639980004&{FIELDS}").status_code == 200
        receiving.read_received()

        assert Received.objects.get().carrier == row.name
        assert call(url="/received/gateway/", body="text=a").status_code == 403
        assert call(url="/received/gateway/wrong/", body="text=a").status_code == 403

    def test_asks_to_come_again_while_the_database_is_away(self, monkeypatch, settings):
        def away(*_args: object, **_kwargs: object) -> None:
            raise OperationalError("connection refused")

        with monkeypatch.context() as patched:
            patched.setattr(connection, "cursor", away)
            answer = call(body="text=a")
        assert (answer.status_code, answer["Retry-After"]) == (503, "10")

        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
        assert call(body="x" * 11).status_code == 413


class TestOnce:
    def test_by_the_carriers_id_however_often_and_late_it_comes(self, time_machine):
        came("Yes", carrier_id="a")
        time_machine.move_to(timezone.now() + timedelta(days=9))
        came("Yes", carrier_id="a")
        came("Yes", carrier_id="b")

        assert list(Received.objects.order_by("pk").values_list("carrier_id", "repeats")) == [
            ("a", 1),
            ("b", 0),
        ]
        assert ReceivedPost.objects.filter(received__carrier_id="a").count() == 2

    def test_by_the_carriers_id_only_where_it_says_the_same(self):
        for text in ("Yes", "No", "No"):
            came(text, carrier_id="a")

        assert list(Received.objects.order_by("pk").values_list("text", "repeats")) == [
            ("Yes", 0),
            ("No", 1),
        ]

    def test_by_all_that_it_says_for_a_while_where_there_is_no_id(self, time_machine):
        came_by_smpp(from_phone(b"Yes"), from_phone(b"Yes"), from_phone(b"No"))
        assert list(Received.objects.order_by("pk").values_list("text", "repeats")) == [
            ("Yes", 1),
            ("No", 0),
        ]

        time_machine.move_to(timezone.now() + receiving.REPEATED_WITHIN + timedelta(seconds=1))
        received_posts.store("acme", [from_phone(b"Yes")], "application/smpp")
        receiving.read_received()

        assert Received.objects.filter(text="Yes").count() == 2

    def test_of_two_workers_the_second_finds_what_the_first_stored(self, monkeypatch):
        came("Yes", carrier_id="a")
        known, asked = receiving._known, []

        def too_early(*args, **kwargs):
            asked.append(args)
            return None if len(asked) == 1 else known(*args, **kwargs)

        monkeypatch.setattr(receiving, "_known", too_early)
        came("Yes", carrier_id="a")

        assert Received.objects.get().repeats == 1
        assert not ReceivedPost.objects.exclude(problem="").exists()


class TestJoining:
    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_takes_parts_in_any_order_and_more_than_once(self, order):
        units = "Ça va 👍, à demain".encode("utf-16-be")
        # The first cut is within a character.
        cuts = (units[:14], units[14:20], units[20:])
        parts = [
            part(number, octets, total=3, data_coding=8) for number, octets in enumerate(cuts, 1)
        ]

        came_by_smpp(*(parts[each] for each in order), parts[order[0]])

        received = Received.objects.get()
        assert (received.text, received.parts, received.missing) == ("Ça va 👍, à demain", 3, 0)
        assert received.repeats == 1
        assert received.settled_at is not None
        assert received.posts.count() == 4

    def test_waits_for_what_is_missing_then_shows_the_rest_and_takes_what_is_late(
        self, time_machine
    ):
        user = make_user(credits=200)
        sent = make_sent(user, sender="36184")
        came_by_smpp(part(3, b"end", total=3))
        received = Received.objects.get()
        assert (received.settled_at, received.account) == (None, None)

        time_machine.move_to(timezone.now() + receiving.INCOMPLETE_AFTER)
        assert receiving.read_received() == 1
        received.refresh_from_db()
        assert (received.text, received.missing, received.message) == ("[…]end", 2, sent)

        bodies = [part(1, b"first", total=3), part(2, texts.gsm7(" é "), total=3)]
        received_posts.store("acme", bodies, "application/smpp")
        receiving.read_received()
        received.refresh_from_db()
        assert (received.text, received.missing) == ("first é end", 0)

    def test_tells_two_texts_with_the_same_reference_apart(self, time_machine):
        came_by_smpp(part(1, b"one "), part(2, b"text"), part(1, b"two "), part(2, b"texts"))
        time_machine.move_to(timezone.now() + receiving.JOINED_WITHIN + timedelta(seconds=1))
        bodies = [part(2, b"texts"), part(1, b"two ")]
        received_posts.store("acme", bodies, "application/smpp")
        receiving.read_received()

        texts = Received.objects.order_by("pk").values_list("text", flat=True)
        assert list(texts) == ["one text", "two texts", "two texts"]


class TestOwner:
    @pytest.fixture
    def user(self):
        return make_user()

    def test_is_who_sent_last_to_this_phone_under_this_number(self, user):
        other = make_user()
        make_sent(other)
        sent = make_sent(user, tag="spring")
        make_sent(other, sender="36184")
        make_sent(other, msisdn="32470123456")

        received = came("Yes please", sender=f"+{MSISDN}", receiver=f"+{NUMBER}")

        assert (received.message, received.api_user) == (sent, user)
        assert received.account == user.account

    @pytest.mark.parametrize(
        "changes",
        [
            {"state": "scheduled"},
            {"state": "queued"},
            {"state": "cancelled"},
            {"state": "rejected"},
            {"submitted_at": timezone.now() - timedelta(days=8)},
            {"submitted_at": timezone.now() + timedelta(days=1)},
        ],
    )
    def test_is_nobody_who_cannot_be_answered(self, user, changes):
        sent = make_sent(user, sender="36184")
        Message.objects.filter(pk=sent.pk).update(**changes)

        assert came(receiver="36184").account is None

    def test_is_not_who_answered_a_stop_but_who_sent_before(self, user):
        sent = make_sent(user)
        for channel in (Submission.Channel.ANSWER, Submission.Channel.ALERT):
            later = make_sent(user)
            Submission.objects.filter(pk=later.submission_id).update(channel=channel)

        assert came().message == sent

    def test_is_else_whose_the_number_is(self, user):
        received = came()

        assert (received.account, received.api_user, received.message) == (user.account, None, None)

    def test_is_nobody_where_nobody_can_tell(self, user):
        make_number(user.account, "36184", takes_replies=False)
        make_number(user.account, "36185", status="refused")
        for _each in range(2):
            make_number(make_account(), "36186")

        for number in ("36184", "36185", "36186", "36187"):
            assert came(receiver=number).account is None

    def test_is_found_by_an_index(self, user):
        make_sent(user)
        to_others(Message.objects.get())
        latest = Message.objects.filter(msisdn=MSISDN).order_by("-id")[:100]

        assert "messages_to_msisdn" in plan_of(latest, may_sort=True)

    @pytest.mark.parametrize(
        ("given", "normal"),
        [
            ("+33639980004", MSISDN),
            ("0033639980004", MSISDN),
            (MSISDN, MSISDN),
            ("36184", "36184"),
            ("+36184", "36184"),
            ("0639980004", "0639980004"),
            ("Bank", "Bank"),
            ("", ""),
        ],
    )
    def test_is_known_by_every_form_of_a_number(self, given, normal):
        assert reply_matching.normal(given) == normal


class TestFaults:
    def test_are_kept_and_do_not_hold_others_up(self, monkeypatch):
        def fail(received):
            raise RuntimeError(received.pk)

        with monkeypatch.context() as patched:
            patched.setattr(replies, "settle", fail)
            came("one")
        came("two")

        assert [each.text for each in Received.objects.all()] == ["two"]
        post = ReceivedPost.objects.get(problem="Could not be read: RuntimeError")

        user = make_user()
        assert received_posts.release([post.pk], by=user.account.memberships.get().user) == 1
        receiving.read_received()
        assert Received.objects.filter(text="one").exists()

    def test_of_one_that_waited_for_its_rest_park_it(self, monkeypatch, time_machine):
        def fail(received):
            raise RuntimeError(received.pk)

        came_by_smpp(part(1, b"half"))
        time_machine.move_to(timezone.now() + receiving.INCOMPLETE_AFTER)
        with monkeypatch.context() as patched:
            patched.setattr(replies, "settle", fail)
            assert receiving.read_received() == 1
            assert receiving.read_received() == 0
        assert Received.objects.get().problem == "Could not be settled: RuntimeError"

        by = make_user().account.memberships.get().user
        released = received_posts.release(ReceivedPost.objects.values_list("pk", flat=True), by=by)
        receiving.read_received()
        assert (released, Received.objects.get().missing) == (1, 1)
        assert Received.objects.get().settled_at is not None

    def test_of_the_database_leave_the_post_to_be_read_again(self, monkeypatch):
        def away(received):
            raise OperationalError("gone")

        came(read=False)
        with monkeypatch.context() as patched:
            patched.setattr(replies, "settle", away)
            with pytest.raises(OperationalError):
                receiving.read_received()

        assert receiving.read_received() == 1
        assert Received.objects.get().text == "Hello"
