"""http2sms: each row of its reference, through the client."""

import base64
import json
import logging
from decimal import Decimal
from urllib.parse import quote_plus, urlencode

import pytest
from django.contrib.auth import hashers
from django.db import OperationalError, connection
from django.test import RequestFactory

from sms_accounts import api_users, ledger
from sms_accounts.endpoints.client_address import client_address
from sms_accounts.models import AddressUse, Message, Rate, Sender, Submission
from tests.factories import API_PASSWORD, MSISDN, SENDER, make_account, make_api_user

pytestmark = pytest.mark.django_db

CGI = "/cgi-bin/sms/http2sms.cgi"
FORM = "application/x-www-form-urlencoded"
TEXT = "canary text of a message"


@pytest.fixture
def user():
    return make_api_user(login="scripts")


def words(user, **changes):
    """The parameters of an ordinary call; None leaves one out. `from_` stands for `from`."""
    given = {
        "account": user.account.name,
        "login": user.login,
        "password": API_PASSWORD,
        "from": SENDER,
        "to": f"00{MSISDN}",
        "message": TEXT,
        "noStop": "1",
    }
    given |= {name.rstrip("_"): value for name, value in changes.items()}
    return {name: value for name, value in given.items() if value is not None}


def get(client, user, *, raw="", path=CGI, headers=None, **changes):
    query = urlencode(words(user, **changes))
    return client.get(f"{path}?{query}{raw}", headers=headers)


def status_and_message(response):
    content = json.loads(response.content)
    return content["status"], content.get("message", "")


def ask(client, user, *, raw="", **changes):
    """Call with an answer in JSON; return its status and message."""
    response = get(client, user, raw=raw, **{"contentType": "application/json"} | changes)
    assert response.status_code == 200
    return status_and_message(response)


class TestAcceptedCall:
    @pytest.mark.parametrize("path", [CGI, "/http2sms"])
    def test_is_stored_paid_and_answered(self, client, user, path):
        response = get(client, user, path=path)

        message = Message.objects.select_related("submission").get()
        assert response.status_code == 200
        assert response.content.decode() == f"OK\n199.00\n{message.pk}"
        assert message.msisdn == MSISDN
        assert message.state == "queued"
        assert message.submission.text == TEXT
        assert message.submission.api_user == user
        assert message.submission.address == "127.0.0.1"
        assert message.submission.channel == Submission.Channel.HTTP2SMS

    def test_tells_what_a_user_with_quota_can_still_spend(self, client):
        user = make_api_user(quota=150)

        response = get(client, user, contentType="text/json")

        assert json.loads(response.content)["creditLeft"] == "149.00"

    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain",
            "text/html",
            "text/xml",
            "application/xml",
            "text/json",
            "application/json",
        ],
    )
    def test_has_the_asked_type_and_is_for_nobody_else(self, client, user, content_type):
        response = get(client, user, contentType=content_type)

        assert response.headers["Content-Type"] == f"{content_type}; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert not response.cookies
        assert str(Message.objects.get().pk) in response.content.decode()

    def test_is_plain_text_where_nothing_was_asked(self, client, user):
        assert get(client, user).headers["Content-Type"] == "text/plain; charset=utf-8"

    def test_speaks_english_whatever_the_caller_prefers(self, client, user):
        response = get(client, user, message=None, headers={"Accept-Language": "fr"})

        assert response.content == b"KO\nMissing message\n"
        assert response.headers["Content-Language"] == "en"

    def test_lists_ids_in_the_order_of_the_receivers(self, client, user):
        get(client, user, to="33639980004,33639980001,33639980008")

        assert list(Message.objects.order_by("pk").values_list("msisdn", flat=True)) == [
            "33639980004",
            "33639980001",
            "33639980008",
        ]

    def test_sends_once_to_a_receiver_named_twice(self, client, user):
        response = get(client, user, to="0033639980004,33639980004,+33 6 39 98 00 04")

        assert Message.objects.count() == 1
        assert response.content.decode() == f"OK\n199.00\n{Message.objects.get().pk}"

    def test_names_the_receivers_that_are_none(self, client, user):
        response = get(client, user, to=f"123,{MSISDN},0612345678", contentType="text/json")

        answer = json.loads(response.content)
        assert answer["status"] == 100
        assert answer["smsIds"] == answer["SmsIds"] == [str(Message.objects.get().pk)]
        assert answer["invalidReceivers"] == ["123", "0612345678"]

    def test_needs_nothing_when_the_broker_is_away(self, client, user, settings):
        settings.CELERY_BROKER_URL = "redis+socket:///nowhere"

        assert get(client, user).content.startswith(b"OK")


class TestWays:
    def test_post_with_a_form(self, client, user):
        response = client.post(CGI, urlencode(words(user)), content_type=FORM)

        assert response.content.startswith(b"OK")

    def test_post_with_a_form_and_its_charset(self, client, user):
        response = client.post(
            CGI, urlencode(words(user)), content_type=f"{FORM}; charset=ISO-8859-1"
        )

        assert response.content.startswith(b"OK")

    def test_post_with_everything_in_the_query(self, client, user):
        assert client.post(
            f"{CGI}?{urlencode(words(user))}", b"", content_type=FORM
        ).content.startswith(b"OK")

    def test_post_split_between_query_and_body(self, client, user):
        given = list(words(user).items())

        response = client.post(
            f"{CGI}?{urlencode(given[:3])}", urlencode(given[3:]), content_type=FORM
        )

        assert response.content.startswith(b"OK")

    def test_post_is_exempt_from_the_check_for_forged_forms(self, user):
        from django.test import Client

        strict = Client(enforce_csrf_checks=True)

        response = strict.post(CGI, urlencode(words(user)), content_type=FORM)

        assert response.content.startswith(b"OK")

    @pytest.mark.parametrize(
        "content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain"]
    )
    def test_post_of_another_type_is_told_so(self, client, user, content_type):
        response = client.post(CGI, urlencode(words(user)), content_type=content_type)

        assert response.status_code == 200
        assert response.content.startswith(b"KO\nInvalid Content-Type of the request")
        assert not Message.objects.exists()

    def test_a_body_above_the_cap_is_told_so_in_the_asked_format(self, client, user):
        body = urlencode(words(user)) + "&message=" + "x" * 1024 * 1024

        response = client.post(f"{CGI}?contentType=text/json", body, content_type=FORM)

        assert response.status_code == 200
        assert status_and_message(response) == (
            202,
            "Invalid request: the body is longer than 1048576 bytes",
        )

    def test_a_body_of_a_get_is_not_read(self, client, user):
        response = client.generic("GET", CGI, urlencode(words(user)), content_type=FORM)

        assert response.content == b"KO\nMissing account\n"

    def test_basic_credentials_stay_out_of_the_url(self, client, user):
        name = f"{user.account.name}/{user.login}:{API_PASSWORD}"
        headers = {"Authorization": "Basic " + base64.b64encode(name.encode()).decode()}

        response = get(client, user, headers=headers, account=None, login=None, password=None)

        assert response.content.startswith(b"OK")

    @pytest.mark.parametrize("header", ["Basic", "Basic %%%", "Basic YWJj", "Bearer abc"])
    def test_another_authorization_header_is_not_ours(self, client, user, header):
        response = get(client, user, headers={"Authorization": header})

        assert response.content.startswith(b"OK")

    def test_basic_credentials_of_somebody_else_contradict(self, client, user):
        header = "Basic " + base64.b64encode(b"sms-ab12345-1/other:Secret9999").decode()

        response = get(client, user, headers={"Authorization": header})

        assert response.content == b"KO\nInvalid account: it came twice with different values\n"

    def test_head_sends_nothing_and_does_not_look_like_success(self, client, user):
        response = client.head(f"{CGI}?{urlencode(words(user))}")

        assert response.status_code == 405
        assert response.headers["Allow"] == "GET, POST, OPTIONS"
        assert not Message.objects.exists()

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
    def test_another_method_is_told_which_ones_there_are(self, client, user, method):
        response = client.generic(method, f"{CGI}?{urlencode(words(user))}")

        assert response.status_code == 405
        assert response.headers["Allow"] == "GET, POST, OPTIONS"
        assert response.content == b"Nothing was sent: use GET or POST.\n"
        assert not Message.objects.exists()

    def test_options_tells_the_methods(self, client):
        response = client.options(CGI)

        assert response.status_code == 204
        assert response.headers["Allow"] == "GET, POST, OPTIONS"
        assert response.content == b""

    @pytest.mark.parametrize("path", [f"{CGI}/", "/http2sms/"])
    def test_a_slash_too_many_is_never_redirected(self, client, user, path):
        assert get(client, user, path=path).status_code == 404


ORDINARY = f"login=scripts&password={API_PASSWORD}&from={SENDER}&to={MSISDN}&message=Hi&noStop=1"


class TestNames:
    @pytest.mark.parametrize(
        "query",
        [
            pytest.param(f"account=NAME&{ORDINARY}", id="as in the reference"),
            pytest.param(f"&account=NAME&{ORDINARY}", id="an empty pair first"),
            pytest.param(f"account=NAME&&{ORDINARY}&", id="empty pairs inside and last"),
            pytest.param(f"smsAccount=NAME&{ORDINARY}", id="smsAccount"),
            pytest.param(f"SMSACCOUNT=NAME&{ORDINARY}", id="capitals"),
            pytest.param(f"Account=NAME&{ORDINARY}".replace("noStop", "NOSTOP"), id="mixed"),
            pytest.param(
                f"account=NAME&smsaccount=NAME&{ORDINARY}&to={MSISDN}",
                id="twice with the same value",
            ),
            pytest.param(f"account=NAME&{ORDINARY}&colour=red&x", id="unknown ones"),
            pytest.param(f"%61ccount=NAME&{ORDINARY}", id="an encoded name"),
        ],
    )
    def test_are_understood(self, client, user, query):
        response = client.get(f"{CGI}?{query}".replace("NAME", user.account.name))

        assert response.content.startswith(b"OK"), response.content
        assert Message.objects.get().submission.text == "Hi"

    @pytest.mark.parametrize(
        ("raw", "name"),
        [
            ("&to=33639980001", "to"),
            ("&TO=33639980001", "to"),
            ("&smsAccount=sms-other-1", "account"),
            ("&login=", "login"),
            ("&smsCoding=1&SMSencoding=2", "smsCoding"),
            ("&noStop=0", "noStop"),
        ],
    )
    def test_that_come_twice_with_different_values_are_refused(self, client, user, raw, name):
        assert ask(client, user, raw=raw) == (
            202,
            f"Invalid {name}: it came twice with different values",
        )

    def test_that_differ_between_query_and_body_are_refused(self, client, user):
        response = client.post(f"{CGI}?to=33639980001", urlencode(words(user)), content_type=FORM)

        assert response.content == b"KO\nInvalid to: it came twice with different values\n"


class TestMissing:
    @pytest.mark.parametrize("name", ["account", "login", "password", "from", "to", "message"])
    @pytest.mark.parametrize("value", [None, ""])
    def test_parameter_is_named(self, client, user, name, value):
        response = get(client, user, **{name: value})

        assert response.status_code == 200
        assert response.content.decode() == f"KO\nMissing {name}\n"

    @pytest.mark.parametrize(
        ("left_out", "named"),
        [
            (["account", "login"], "account"),
            (["login", "message"], "login"),
            (["password", "to"], "password"),
            (["from", "to"], "from"),
            (["to", "message"], "to"),
        ],
    )
    def test_the_first_is_named(self, client, user, left_out, named):
        status, message = ask(client, user, **dict.fromkeys(left_out))

        assert status == 201
        assert message.startswith(f"Missing {named}. ")

    @pytest.mark.parametrize(
        "wrong",
        [{"account": "nonsense"}, {"class": "9"}, {"contentType": "text/json", "tag": "x" * 21}],
    )
    def test_comes_before_what_is_wrong(self, client, user, wrong):
        response = get(client, user, message=None, **wrong)

        assert b"Missing message" in response.content

    def test_misspelt_password_is_missing(self, client, user):
        response = get(client, user, password=None, pasword=API_PASSWORD)

        assert response.content == b"KO\nMissing password\n"

    def test_receivers_are_missing_where_only_commas_came(self, client, user):
        assert get(client, user, to=" , ,").content == b"KO\nMissing to\n"


WRONG_ROWS = [
    ({"account": "ab12345"}, "Invalid smsAccount, it should look like 'sms-ab1234-1'"),
    ({"account": "sms-ab1234-1\n"}, "Invalid smsAccount, it should look like 'sms-ab1234-1'"),
    ({"account": "SMS-ab1234-1"}, "Invalid smsAccount, it should look like 'sms-ab1234-1'"),
    ({"account": "sms-nobody-1"}, "Invalid credentials"),
    ({"login": "nobody"}, "Invalid credentials"),
    ({"login": "\0"}, "Invalid credentials"),
    ({"login": "SCRIPTS"}, "Invalid credentials"),
    ({"password": "Secret9999"}, "Invalid credentials"),
    ({"password": "x" * 100_000}, "Invalid credentials"),
    ({"password": API_PASSWORD + "\0"}, "Invalid credentials"),
    ({"to": "abc"}, "Invalid receiver abc"),
    ({"to": "0612345678"}, "Invalid receiver 0612345678"),
    ({"to": "33639980004\0"}, "Invalid receiver 33639980004\ufffd"),
    ({"to": "1,2"}, "Invalid receiver 1, 2"),
    ({"to": ",".join(["1"] * 1001)}, "Invalid receivers: 1001 receivers, at most 1000"),
    ({"message": " \r\n"}, "Invalid message: the text is empty"),
    ({"message": "%0d"}, "Invalid message: the text is empty"),
    ({"message": "a\0"}, "Invalid message: the text holds a character that cannot be sent"),
    ({"message": "x" * 919}, "Invalid message: the text takes 7 parts, at most 6 can be sent"),
    ({"tag": "x" * 21}, "Invalid tag: is too long"),
    ({"tag": "a\0"}, "Invalid tag: holds a character that cannot be stored"),
    ({"class": "4"}, "Invalid class, it should be one of 0, 1, 2, 3"),
    ({"class": "flash"}, "Invalid class, it should be one of 0, 1, 2, 3"),
    ({"class": "²"}, "Invalid class, it should be one of 0, 1, 2, 3"),
    ({"smsCoding": "8"}, "Invalid smsCoding, it should be one of 1, 2"),
    ({"noStop": "maybe"}, "Invalid noStop, it should be one of 1, true, 0, false"),
    (
        {"deferred": "125025112029"},
        "Invalid deferred time: not available yet, leave deferred out",
    ),
    (
        {"senderForResponse": "1", "from": ""},
        "Invalid senderForResponse: not available yet, give a sender in from",
    ),
    (
        {"senderForResponse": "1"},
        "Invalid senderForResponse: not available yet, give a sender in from",
    ),
    (
        {"idempotencyKey": "a"},
        "Invalid idempotencyKey: not available yet, leave it out",
    ),
]


class TestWrong:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            pytest.param(
                changes, message, id=f"{next(iter(changes))}: {message}"[:60] + f" {number}"
            )
            for number, (changes, message) in enumerate(WRONG_ROWS)
        ],
    )
    def test_parameter_is_named_and_nothing_is_sent(self, client, user, changes, message):
        assert ask(client, user, **changes) == (202, message)
        assert not Submission.objects.exists()

    def test_format_is_told_in_plain_text(self, client, user):
        response = get(client, user, contentType="text/yaml")

        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert response.content.startswith(b"KO\nInvalid contentType, it should be one of text/")

    def test_idempotency_header_is_not_ignored(self, client, user):
        response = get(client, user, headers={"Idempotency-Key": "a"})

        assert response.content == b"KO\nInvalid idempotencyKey: not available yet, leave it out\n"

    @pytest.mark.parametrize("sender", ["Unknown", "<b>", "Waiting", "a\0b", "33123456789"])
    def test_sender_has_a_status_of_its_own(self, client, user, sender):
        Sender.objects.create(account=user.account, name="Waiting")

        assert ask(client, user, from_=sender) == (
            241,
            f"Sms sender {sender} does not exists".replace("\0", "\ufffd"),
        )

    def test_sender_is_escaped_in_html(self, client, user):
        response = get(client, user, from_="<b>", contentType="text/html")

        assert b"KO<br>Sms sender &lt;b&gt; does not exists<br>" in response.content

    def test_receiver_that_no_rate_covers_is_invalid(self, client, user):
        Rate.objects.all().delete()

        assert ask(client, user) == (202, f"Invalid receiver 00{MSISDN}")

    def test_sender_comes_before_receivers_and_those_before_the_text(self, client, user):
        wrong = {"to": "1", "message": " ", "tag": "x" * 21}

        assert ask(client, user, from_="Unknown", **wrong)[0] == 241
        assert ask(client, user, **wrong)[1] == "Invalid receiver 1"
        assert ask(client, user, **wrong | {"to": MSISDN})[1].startswith("Invalid message")
        assert ask(client, user, tag="x" * 21)[1].startswith("Invalid tag")

    def test_credits_come_last(self, client):
        user = make_api_user(account=make_account(credits=0))

        assert ask(client, user, tag="x" * 21)[1] == "Invalid tag: is too long"
        assert ask(client, user) == (202, "Not enough credits")


class TestSendersAndReceivers:
    @pytest.mark.parametrize(
        "given",
        ["0033123456789", "+33123456789", "33123456789", "33 1 23 45 67 89", "33-1.23.45.67-89"],
    )
    def test_numeric_sender_is_compared_after_normalising(self, client, user, given):
        Sender.objects.create(account=user.account, name="33123456789", status="enabled")

        get(client, user, from_=given)

        assert Submission.objects.get().sender == "33123456789"

    @pytest.mark.parametrize(
        "encoded",
        [
            pytest.param("0033639980004", id="0033"),
            pytest.param("%2B33639980004", id="plus encoded"),
            pytest.param("+33639980004", id="plus as a space"),
            pytest.param("33639980004", id="33"),
            pytest.param("33+6+39+98+00+04", id="spaces"),
            pytest.param("33.6.39.98.00.04", id="dots"),
            pytest.param("33-6-39-98-00-04", id="dashes"),
            pytest.param("33639980004%2C", id="comma last, encoded"),
            pytest.param("%C2%A033639980004", id="no-break space"),
        ],
    )
    def test_receiver_is_understood(self, client, user, encoded):
        get(client, user, to=None, raw=f"&to={encoded}")

        assert Message.objects.get().msisdn == "33639980004"

    def test_unencoded_plus_works_for_each_of_several(self, client, user):
        get(client, user, to=None, raw="&to=+33639980004,+33639980001")

        assert Message.objects.count() == 2

    def test_national_number_is_one_of_the_home_country(self, client, user):
        user.account.home_country = "FR"
        user.account.save(update_fields=["home_country"])

        get(client, user, to="06 39 98 00 04")

        assert Message.objects.get().msisdn == "33639980004"


class TestText:
    @pytest.mark.parametrize(
        ("encoded", "text"),
        [
            pytest.param("caf%C3%A9", "café", id="UTF-8"),
            pytest.param("caf%E9", "café", id="ISO-8859-1"),
            pytest.param("%A3%E9%C3", "£éÃ", id="ISO-8859-1 that begins like UTF-8"),
            pytest.param("%E2%82%AC+%F0%9F%98%80", "€ 😀", id="euro and emoji"),
            pytest.param("1+%2B+1", "1 + 1", id="plus"),
            pytest.param("100%", "100%", id="a percent sign alone"),
            pytest.param("a=b", "a=b", id="an equals sign"),
            pytest.param("a;b", "a;b", id="a semicolon separates nothing"),
            pytest.param("a%0Ab", "a\nb", id="LF"),
            pytest.param("a%0Db", "a\nb", id="CR"),
            pytest.param("a%0D%0Ab", "a\nb", id="CRLF"),
            pytest.param("a%250db", "a\nb", id="literal %0d"),
            pytest.param("a%250Db", "a\nb", id="literal %0D"),
            pytest.param("a%250ab", "a\nb", id="literal %0a"),
            pytest.param("a%250Ab", "a\nb", id="literal %0A"),
            pytest.param("a%250d%250ab", "a\nb", id="literal %0d%0a"),
            pytest.param("a%0A%0Ab", "a\n\nb", id="two line breaks"),
        ],
    )
    def test_arrives_as_it_was_meant(self, client, user, encoded, text):
        get(client, user, message=None, raw=f"&message={encoded}")

        assert Submission.objects.get().text == text

    def test_may_stand_unencoded_in_a_body_of_old_clients(self, client, user):
        body = urlencode(words(user, message=None)).encode() + "&message=déjà".encode("latin-1")

        client.post(CGI, body, content_type=FORM)

        assert Submission.objects.get().text == "déjà"

    def test_may_stand_unencoded_in_a_query(self, client, user):
        client.get(
            CGI,
            QUERY_STRING=urlencode(words(user, message=None))
            + "&message=d\u00c3\u00a9j\u00c3\u00a0",
        )

        assert Submission.objects.get().text == "déjà"


CLAUSE = f"{TEXT}\nSTOP 36184"


class TestOptions:
    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            ("", CLAUSE),
            ("&noStop", TEXT),
            ("&noStop=1", TEXT),
            ("&noStop=true", TEXT),
            ("&noStop=True", TEXT),
            ("&nostop", TEXT),
            ("&noStop=0", CLAUSE),
            ("&noStop=false", CLAUSE),
            ("&noStop=", CLAUSE),
            ("&noStop&noStop=1", TEXT),
        ],
    )
    def test_no_stop_leaves_out_the_clause(self, client, user, raw, text):
        get(client, user, noStop=None, raw=raw)

        assert Submission.objects.get().text == text

    @pytest.mark.parametrize(
        ("given", "stored"), [("0", 0), ("1", 1), ("2", 2), ("3", 3), ("", None), (None, None)]
    )
    def test_class_is_kept(self, client, user, given, stored):
        get(client, user, **{"class": given})

        assert Submission.objects.get().message_class == stored

    @pytest.mark.parametrize("name", ["smsCoding", "SMSencoding", "smscoding"])
    @pytest.mark.parametrize(
        ("given", "text", "coding"),
        [
            ("1", "a", "gsm7"),
            ("2", "a", "ucs2"),
            ("", "a", "gsm7"),
            ("1", "ç", "ucs2"),
            ("", "ç", "ucs2"),
        ],
    )
    def test_coding_is_as_asked_where_it_can_be(self, client, user, name, given, text, coding):
        get(client, user, message=text, **{name: given})

        assert Submission.objects.get().coding == coding

    def test_tag_is_kept(self, client, user):
        get(client, user, tag="été 2024: 20 chiffres"[:20])

        assert Submission.objects.get().tag == "été 2024: 20 chiffre"

    def test_empty_ones_count_as_left_out(self, client, user):
        response = get(
            client,
            user,
            deferred="",
            tag="",
            contentType="",
            senderForResponse="0",
            idempotencyKey="",
        )

        assert response.content.startswith(b"OK")

    def test_format_is_known_by_any_capitals(self, client, user):
        response = get(client, user, contentType="Application/JSON")

        assert response.headers["Content-Type"] == "application/json; charset=utf-8"


class TestCredits:
    def test_whole_call_is_refused_where_a_part_could_be_paid(self, client):
        user = make_api_user(account=make_account(credits=1))

        assert ask(client, user, to="33639980004,33639980001") == (202, "Not enough credits")
        assert not Submission.objects.exists()

    def test_used_up_quota_has_its_own_words(self, client):
        user = make_api_user(quota=1)

        assert ask(client, user)[0] == 100
        assert ask(client, user) == (202, "Quota reached")
        assert Message.objects.count() == 1

    def test_price_is_parts_times_rate_times_receivers(self, client, user):
        Rate.objects.create(prefix="3363998", credits=Decimal("0.35"))

        response = get(client, user, message="x" * 161, to="33639980004,33639980001")

        assert response.content.split(b"\n")[1] == b"198.60"


class TestRestrictions:
    def test_address_outside_is_told_after_a_right_password(self, client):
        user = make_api_user(restrictions=["192.0.2.0/24"])

        assert ask(client, user) == (401, "Unauthorized IP 127.0.0.1")
        use = AddressUse.objects.get()
        assert (use.address, use.refusals, use.accepted_at) == ("127.0.0.1", 1, None)
        assert not Message.objects.exists()

    def test_address_outside_learns_nothing_with_a_wrong_password(self, client):
        user = make_api_user(restrictions=["192.0.2.0/24"])

        assert ask(client, user, password="Secret9999") == (202, "Invalid credentials")
        assert not AddressUse.objects.exists()

    @pytest.mark.parametrize("network", ["127.0.0.1/32", "127.0.0.0/8", "0.0.0.0/0"])
    def test_address_inside_may_send_and_is_noted(self, client, network):
        user = make_api_user(restrictions=["192.0.2.1/32", network])

        assert ask(client, user)[0] == 100
        assert AddressUse.objects.get().accepted_at is not None

    @pytest.mark.parametrize(
        ("address", "status"),
        [
            ("2001:db8::1", 100),
            ("2001:db9::1", 401),
            ("::ffff:192.0.2.9", 100),
            ("::ffff:192.0.3.9", 401),
        ],
    )
    def test_addresses_of_version_6_are_known(self, client, address, status):
        user = make_api_user(restrictions=["2001:db8::/32", "192.0.2.0/24"])

        response = client.get(f"{CGI}?{urlencode(words(user))}", REMOTE_ADDR=address)

        assert response.content.startswith(b"OK" if status == 100 else b"KO\nUnauthorized IP")


class TestClosedDoors:
    def test_disabled_user_gets_the_answer_of_a_wrong_password(self, client, user):
        api_users.set_enabled(user, False, by=None)

        assert ask(client, user) == (202, "Invalid credentials")

    def test_deleted_user_gets_the_answer_of_a_wrong_password(self, client, user):
        api_users.delete(user, by=None)

        assert ask(client, user) == (202, "Invalid credentials")

    def test_disabled_account_gets_the_answer_of_a_wrong_password(self, client, user):
        user.account.is_enabled = False
        user.account.save(update_fields=["is_enabled"])

        assert ask(client, user) == (202, "Invalid credentials")

    def test_user_disabled_between_password_and_debit_too(self, client, user, monkeypatch):
        monkeypatch.setattr(
            "sms_accounts.endpoints.http2sms.credentials.authenticate",
            lambda *_: (api_users.set_enabled(user, False, by=None), user)[1],
        )

        assert ask(client, user) == (202, "Invalid credentials")
        assert not Submission.objects.exists()

    def test_login_of_another_account_is_unknown_here(self, client, user):
        other = make_api_user(login="others")

        assert ask(client, user, login="others") == (202, "Invalid credentials")
        assert ask(client, other)[0] == 100

    @pytest.mark.parametrize("content_type", ["text/plain", "text/xml", "application/json"])
    def test_every_wrong_cause_has_the_same_bytes(self, client, user, content_type):
        disabled = make_api_user(account=user.account)
        api_users.set_enabled(disabled, False, by=None)

        answers = {
            get(client, user, contentType=content_type, **wrong).content
            for wrong in (
                {"account": "sms-nobody-1"},
                {"login": "nobody"},
                {"password": "Secret9999"},
                {"login": disabled.login},
            )
        }

        assert len(answers) == 1


class TestDatabaseAway:
    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("text/plain", b"KO\nNot available at the moment, try again later\n"),
            (
                "application/json",
                b'{"status":503,"message":"Not available at the moment, try again later"}',
            ),
        ],
    )
    def test_is_told_in_the_asked_format(self, client, user, monkeypatch, content_type, body):
        def away(*_args: object, **_kwargs: object) -> None:
            raise OperationalError("connection refused")

        query = urlencode(words(user, contentType=content_type))
        with monkeypatch.context() as patched:
            patched.setattr(connection, "cursor", away)
            response = client.get(f"{CGI}?{query}")

        assert response.status_code == 503
        assert response.headers["Retry-After"] == "10"
        assert response.headers["Content-Type"] == f"{content_type}; charset=utf-8"
        assert response.content == body


class TestLog:
    def line(self, caplog):
        [record] = [r for r in caplog.records if r.name == "sms_accounts.endpoints.http2sms"]
        return record.msg

    def test_has_one_line_a_call_without_secrets(self, client, user, caplog):
        caplog.set_level(logging.DEBUG)

        get(client, user, to=f"{MSISDN},33639980001", tag="canary-tag")

        line = self.line(caplog)
        assert line["event"] == "http2sms"
        assert line["account"] == user.account.name
        assert line["login"] == "scripts"
        assert line["status"] == 100
        assert line["receivers"] == 2
        assert API_PASSWORD not in caplog.text
        assert MSISDN not in str(line)
        assert TEXT not in caplog.text
        assert "canary" not in str(line)

    def test_keeps_what_is_no_name_to_itself(self, client, user, caplog):
        smuggled = quote_plus(f"sms-ab1-1&login=bob&password={API_PASSWORD}")

        client.get(f"{CGI}?account={smuggled}&login={smuggled}")

        line = self.line(caplog)
        assert (line["account"], line["login"], line["status"]) == ("?", "?", 201)
        assert API_PASSWORD not in caplog.text

    @pytest.mark.parametrize("wrong", [{"password": "Canary9999"}, {"pasword": "Canary9999"}])
    def test_never_holds_a_wrong_password(self, client, user, caplog, wrong):
        caplog.set_level(logging.DEBUG)

        get(client, user, **wrong)

        assert "Canary9999" not in caplog.text


class TestClientAddress:
    @pytest.mark.parametrize(
        ("proxies", "forwarded", "remote", "address"),
        [
            (0, "", "198.51.100.7", "198.51.100.7"),
            (0, "192.0.2.1", "198.51.100.7", "198.51.100.7"),
            (1, "192.0.2.1", "198.51.100.7", "192.0.2.1"),
            (1, "203.0.113.66, 192.0.2.1", "198.51.100.7", "192.0.2.1"),
            (2, "203.0.113.66, 192.0.2.1,10.0.0.1", "198.51.100.7", "192.0.2.1"),
            (2, "192.0.2.1", "198.51.100.7", "198.51.100.7"),
            (1, "", "198.51.100.7", "198.51.100.7"),
            (1, "192.0.2.1, unknown", "198.51.100.7", "198.51.100.7"),
            (1, "2001:db8::1", "198.51.100.7", "2001:db8::1"),
            (1, "::ffff:192.0.2.1", "198.51.100.7", "192.0.2.1"),
            (0, "", "::ffff:192.0.2.1", "192.0.2.1"),
            (0, "", "fe80::1%eth0", "fe80::1"),
            (0, "", "", "::"),
        ],
    )
    def test_is_counted_from_the_right(self, settings, proxies, forwarded, remote, address):
        settings.PROXIES = proxies
        request = RequestFactory().get(
            CGI, REMOTE_ADDR=remote, headers={"X-Forwarded-For": forwarded}
        )

        assert str(client_address(request)) == address


class TestCost:
    def test_slow_hash_is_reached_once_for_many_calls(self, client, user, monkeypatch):
        seen = []
        monkeypatch.setattr(
            "sms_accounts.credentials.check_password",
            lambda *given: (seen.append(1), hashers.check_password(*given))[1],
        )

        for _ in range(5):
            assert ask(client, user)[0] == 100

        assert len(seen) == 1

    def test_queries_do_not_grow_with_the_receivers(
        self, client, user, django_assert_max_num_queries
    ):
        ask(client, user)
        many = ",".join(str(33639980000 + number) for number in range(500))

        with django_assert_max_num_queries(16):
            assert ask(client, user, to=many, message="x")[0] in (100, 202)

    def test_wallet_is_what_the_answer_says(self, client, user):
        get(client, user)

        user.wallet.refresh_from_db()
        assert user.wallet.credits == 199
        assert ledger.wrong_books() == []
