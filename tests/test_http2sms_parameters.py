"""http2sms: each parameter of its reference, in each of its forms."""

from urllib.parse import urlencode

import pytest

from sms_accounts.models import Message, Rate, Sender, Submission
from tests.factories import API_PASSWORD, MSISDN, SENDER, make_account, make_api_user
from tests.http2sms_calls import CGI, FORM, TEXT, ask, get, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_api_user(login="scripts")


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
        {"senderForResponse": "2"},
        "Invalid senderForResponse, it should be one of 1, true, 0, false",
    ),
    (
        {"senderForResponse": "1"},
        "Invalid senderForResponse: leave from empty, or senderForResponse out",
    ),
    (
        {"senderForResponse": "1", "from": ""},
        "Invalid senderForResponse: this account has no number that takes replies",
    ),
    ({"idempotencyKey": "x" * 256}, "Invalid idempotencyKey: at most 255 characters"),
    ({"idempotencyKey": "a\0"}, "Invalid idempotencyKey: at most 255 characters"),
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


class TestSenderForResponse:
    def test_takes_the_number_that_takes_replies(self, client, user):
        for name, takes_replies in (("33123456789", False), ("36184", True)):
            Sender.objects.create(
                account=user.account, name=name, status="enabled", takes_replies=takes_replies
            )

        assert ask(client, user, from_="", senderForResponse="1")[0] == 100
        assert Submission.objects.get().sender == "36184"

    @pytest.mark.parametrize("status", ["waiting", "refused"])
    def test_takes_no_number_that_is_not_enabled(self, client, user, status):
        Sender.objects.create(account=user.account, name="36184", status=status, takes_replies=True)

        assert ask(client, user, from_="", senderForResponse="1")[0] == 202

    def test_takes_no_number_of_another_account(self, client, user):
        Sender.objects.create(
            account=make_account(), name="36184", status="enabled", takes_replies=True
        )

        assert ask(client, user, from_="", senderForResponse="1")[0] == 202

    @pytest.mark.parametrize("value", ["0", "", "false"])
    def test_switched_off_needs_a_sender(self, client, user, value):
        assert ask(client, user, from_="", senderForResponse=value) == (
            201,
            "Missing from. These are required: account, login, password, from, to, message.",
        )
