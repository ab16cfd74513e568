"""The page for integrators: ready programs, the protocol, and a call to try."""

import html
import logging
import re

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse

from sms_accounts import guesses, http2sms, price_list
from sms_accounts.carriers import simulated_numbers
from sms_accounts.forms.connect import TEST_NUMBERS
from sms_accounts.models import AddressUse, ApiUser, Membership, Message, Sender, Submission
from tests.factories import (
    API_PASSWORD,
    MSISDN,
    SENDER,
    make_account,
    make_api_user,
    make_member,
)
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in
from tests.pages.test_api_users import many

URL = "/sms/sms-ab12345-1/connect/"
CANARY = "canaryPassword1"


@pytest.fixture
def shop(account) -> ApiUser:
    return make_api_user(account=account, login="shop")


def typed(user, **changes) -> dict[str, str]:
    return {
        "user": user.login,
        "password": API_PASSWORD,
        "sender": SENDER,
        "msisdn": MSISDN,
        "text": "Hello",
        "content_type": "application/json",
        "key": "try-1",
        **changes,
    }


def said(answer) -> str:
    return html.unescape(answer.content.decode())


def program(answer, name: str) -> str:
    found = re.search(rf'<code id="{name}">(.*?)</code>', answer.content.decode(), re.DOTALL)
    assert found
    return html.unescape(re.sub("</?mark>", "", found[1]))


class TestPrograms:
    def test_hold_account_login_and_sender(self, browser, shop):
        text = program(browser.get(URL), "send_smspy")

        assert '"account": "sms-ab12345-1",' in text
        assert '"login": "shop",' in text
        assert f'"from": "{SENDER}",' in text
        assert "http://127.0.0.1:8000/cgi-bin/sms/http2sms.cgi" in text

    def test_are_those_of_the_chosen_user_and_sender(self, browser, account, shop):
        make_api_user(account=account, login="billing")
        Sender.objects.create(account=account, name="Zebra", status=Sender.Status.ENABLED)

        answer = browser.get(URL, {"user": "billing", "sender": "Zebra"})

        assert '"login": "billing",' in program(answer, "send_smspy")
        assert '"from": "Zebra",' in program(answer, "send_smspy")
        for name in ("choose_user", "id_user"):
            select = answer.content.decode().partition(f'id="{name}"')[2].partition("</select>")[0]
            assert '<option value="billing" selected>billing</option>' in select

    def test_name_no_sender_that_is_not_enabled(self, browser, account, shop):
        Sender.objects.create(account=account, name="Early", status=Sender.Status.WAITING)

        answer = browser.get(URL, {"sender": "Early"})

        assert "Early" not in said(answer)

    def test_survive_a_sender_of_every_sign(self, browser, account, shop):
        Sender.objects.create(account=account, name="O'N & <b>\"$", status=Sender.Status.ENABLED)

        answer = browser.get(URL, {"sender": "O'N & <b>\"$"})

        assert '"from": "O\'N & <b>\\"$",' in program(answer, "send_smspy")
        assert "<b>" not in answer.content.decode().partition('id="programs"')[2]

    def test_have_a_placeholder_that_stands_out(self, browser, shop):
        page = browser.get(URL).content.decode()

        assert page.count("<mark>PASSWORD</mark>") == 7
        assert "SMS_<mark>" not in page

    def test_stand_beside_the_url_for_old_scripts_and_its_danger(self, browser, shop):
        answer = browser.get(URL)

        assert program(answer, "classic-url") == http2sms.sending_url(
            "http://127.0.0.1:8000",
            http2sms.form(
                account="sms-ab12345-1",
                login="shop",
                password="PASSWORD",
                sender=SENDER,
                msisdn=MSISDN,
                text="Hello",
            ),
        )
        assert "Passwords in URLs end in the logs" in said(answer)

    def test_have_gaps_in_an_account_without_user_and_sender(self, browser, account):
        Sender.objects.all().delete()

        answer = browser.get(URL)

        assert '"login": "LOGIN",' in program(answer, "send_smspy")
        assert '"from": "SENDER",' in program(answer, "send_smspy")
        assert "Add an API user first" in text_of(answer.content.decode())
        assert "<option" not in answer.content.decode()

    def test_wait_for_staff_where_no_sender_is_enabled(self, browser, shop):
        Sender.objects.all().delete()

        answer = browser.get(URL)

        assert "The account has no enabled sender yet." in text_of(answer.content.decode())
        assert "Password of this user" not in said(answer)


class TestProtocol:
    def test_every_parameter_has_a_row(self, browser, account):
        read = text_of(browser.get(URL).content.decode())

        for parameter in http2sms.PARAMETERS:
            assert str(parameter.meaning) in read
            assert parameter.example in read
            assert all(name in read for name in (parameter.name, *parameter.aliases))

    def test_every_status_and_format_is_explained(self, browser, account):
        page = said(browser.get(URL))
        read = text_of(browser.get(URL).content.decode())

        for status in http2sms.STATUSES:
            assert f"{status.number} {status.http_status} {status.meaning} {status.advice}" in read
        for known in http2sms.FORMATS:
            assert known.accepted in page
            assert known.refused in page

    def test_the_callback_and_the_test_numbers_are_there(self, browser, account):
        page = browser.get(URL).content.decode()

        assert "descriptionDlr" in page
        for number, end in TEST_NUMBERS.items():
            assert f"<code>{number}</code>" in page
            assert str(end) in said(browser.get(URL))


class TestTryIt:
    def test_sends_a_message_and_shows_request_and_raw_answer(self, browser, account, shop):
        answer = browser.post(URL, typed(shop, text="Hello & goodbye"))

        message = Message.objects.get()
        page = said(answer)
        assert (
            "POST /cgi-bin/sms/http2sms.cgi HTTP/1.1\n"
            "Host: 127.0.0.1:8000\n"
            "Content-Type: application/x-www-form-urlencoded\n"
            "\n"
            "account=sms-ab12345-1&login=shop&password=••••••••&from=Example&to=33639980004"
            "&message=Hello+%26+goodbye&noStop=1&contentType=application%2Fjson"
            "&idempotencyKey=try-1"
        ) in page
        assert "HTTP/1.1 200 OK\n" in page
        assert "Content-Type: application/json; charset=utf-8\n" in page
        assert f'{{"status":100,"smsIds":["{message.pk}"]' in page
        assert "Accepted: the message is paid and on its way." in page
        submission = Submission.objects.get()
        assert (submission.api_user, submission.channel) == (shop, Submission.Channel.HTTP2SMS)
        assert "199.00" in text_of(answer.content.decode()).partition("Held by quotas")[0]

    @pytest.mark.parametrize("known", http2sms.FORMATS, ids=lambda known: known.content_type)
    def test_tells_accepted_from_refused_in_each_format(self, browser, shop, known):
        sent = browser.post(URL, typed(shop, content_type=known.content_type))
        refused = browser.post(
            URL, typed(shop, content_type=known.content_type, password="Wrong12345")
        )

        assert "Accepted: the message is paid" in said(sent)
        assert "Not accepted. The answer says why." in said(refused)
        assert "Invalid credentials" in said(refused)

    def test_a_form_that_is_sent_twice_is_one_message(self, browser, shop):
        first = browser.post(URL, typed(shop))
        second = browser.post(URL, typed(shop))

        ids = [re.findall(r'"smsIds":\["(\d+)"\]', said(answer)) for answer in (first, second)]
        assert ids[0] == ids[1] != []
        assert Message.objects.count() == 1

    def test_the_next_form_begins_with_the_same_choices_and_a_new_key(self, browser, shop):
        page = said(browser.post(URL, typed(shop, text="Once more", msisdn="33639980024")))

        form = page.partition('class="try-form"')[2].partition("</form>")[0]
        assert "Once more</textarea>" in form
        assert '<option value="33639980024" selected>' in form
        assert re.search(r'name="key" value="try-[0-9a-f]{16}"', form)
        assert API_PASSWORD not in form

    @pytest.mark.parametrize("missing", ["password", "text"])
    def test_errors_stand_beside_their_fields(self, browser, shop, missing):
        page = said(browser.post(URL, typed(shop, **{missing: ""})))

        field = page.partition(f'id="div_id_{missing}"')[2].partition("</div>")[0]
        assert "invalid-feedback" in field
        assert not Submission.objects.exists()

    @pytest.mark.parametrize("number", ["33612345678", "33639980099", "447700900123", ""])
    def test_reaches_no_number_but_those_offered(self, browser, shop, number):
        answer = browser.post(URL, typed(shop, msisdn=number))

        assert answer.status_code == 200
        assert "HTTP/1.1" not in said(answer)
        assert not Submission.objects.exists()

    def test_restrictions_see_the_address_of_the_person(self, browser, account):
        away = make_api_user(account=account, login="away", restrictions=["192.0.2.1/32"])

        refused = browser.post(URL, typed(away), REMOTE_ADDR="198.51.100.7")
        accepted = browser.post(URL, typed(away), REMOTE_ADDR="192.0.2.1")

        assert '{"status":401,"message":"Unauthorized IP 198.51.100.7"}' in said(refused)
        assert '"status":100' in said(accepted)
        assert AddressUse.objects.get(address="198.51.100.7").refusals == 1

    def test_own_proxies_are_counted_as_for_a_script(self, browser, account, settings):
        settings.PROXIES = 1
        away = make_api_user(account=account, login="away", restrictions=["192.0.2.1/32"])

        answer = browser.post(
            URL,
            typed(away),
            REMOTE_ADDR="127.0.0.1",
            HTTP_X_FORWARDED_FOR="192.0.2.1, 198.51.100.7",
        )

        assert "Unauthorized IP 198.51.100.7" in said(answer)

    def test_wrong_passwords_count_as_guesses(self, browser, shop):
        for _try in range(guesses.OF_ADDRESS.most):
            browser.post(URL, typed(shop, password="Wrong12345"))

        answer = browser.post(URL, typed(shop, password="Wrong12345"))

        assert "HTTP/1.1 429 Too Many Requests\n" in said(answer)
        assert "Retry-After: " in said(answer)

    def test_what_cannot_be_paid_is_not_sent(self, browser, account):
        poor = make_api_user(account=account, login="poor", quota=1)

        first = browser.post(URL, typed(poor))
        second = browser.post(URL, typed(poor, key="try-2"))

        assert '"creditLeft":"0.00"' in said(first)
        assert '{"status":202,"message":"Quota reached"}' in said(second)

    def test_says_what_it_costs(self, browser, shop):
        assert "Charged like any message: 1.00 credits a part." in said(browser.get(URL))

    @pytest.mark.parametrize(
        "changes",
        [{}, {"sender": "Unknown"}, {"key": "x" * 65}, {"text": ""}],
        ids=["accepted", "wrong sender", "wrong key", "no text"],
    )
    def test_keeps_the_password_nowhere(self, browser, account, changes, caplog):
        caplog.set_level(logging.DEBUG)
        user = make_api_user(account=account, login="canary", password=CANARY)

        answer = browser.post(URL, typed(user, password=CANARY, **changes))

        assert answer.status_code == 200
        assert CANARY not in answer.content.decode()
        assert CANARY not in caplog.text
        assert CANARY not in str(dict(browser.session))
        for model in apps.get_models():
            assert CANARY not in str(list(model._default_manager.values())), model

    def test_carries_nothing_of_the_browser_into_the_call(self, browser, shop, monkeypatch):
        seen = []

        def endpoint(request):
            seen.append(request)
            return real(request)

        real = resolve(f"/{http2sms.PATH}").func
        monkeypatch.setattr(
            "sms_accounts.views.http2sms_trial.resolve",
            lambda path: type("Match", (), {"func": staticmethod(endpoint)}),
        )

        browser.post(URL, typed(shop))

        assert seen[0].COOKIES == {}
        assert not hasattr(seen[0], "user")
        assert set(seen[0].headers) == {"Content-Type", "Content-Length"}


class TestWhoMay:
    def test_viewers_read_it_and_cannot_try(self, account, shop):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        read = viewer.get(URL)

        assert '"login": "shop",' in program(read, "send_smspy")
        assert "Owners and managers of the account can send" in said(read)
        assert "Password of this user" not in said(read)
        assert viewer.post(URL, typed(shop)).status_code == 404
        assert not Submission.objects.exists()

    def test_managers_try(self, account, shop):
        manager = signed_in(make_member(account, Membership.Role.MANAGER))

        assert '"status":100' in said(manager.post(URL, typed(shop)))

    def test_for_others_it_does_not_exist(self, bobs_browser, shop):
        assert bobs_browser.get(URL).status_code == 404
        assert bobs_browser.post(URL, typed(shop)).status_code == 404
        assert not Submission.objects.exists()

    @pytest.mark.parametrize("given", ["0", "x", "99999999999999999999999"])
    def test_a_user_of_another_account_does_not_exist(self, browser, shop, given):
        others = make_api_user(account=make_account(), login="others")
        unknown = "This account has no API user of that ID."

        for asked in (given, others.pk, "others"):
            answer = browser.get(URL, {"user": asked})
            assert unknown in said(answer)
        assert unknown in said(browser.post(URL, typed(others)))
        assert not Submission.objects.exists()

    def test_a_call_needs_the_token_against_forgery(self, alice, shop):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(alice)

        assert browser.post(URL, typed(shop)).status_code == 403
        assert not Submission.objects.exists()

    def test_nothing_is_sent_by_get(self, browser, shop):
        browser.get(URL, typed(shop))

        assert not Submission.objects.exists()

    def test_it_is_reached_from_the_tabs_and_from_each_row(self, browser, shop):
        page = browser.get(reverse("api-users", args=["sms-ab12345-1"])).content.decode()

        assert f'<a href="{URL}"' in page
        assert f'href="{URL}?user=shop"' in page


def test_more_users_and_senders_are_no_more_queries(browser, account, shop):
    def queries() -> int:
        price_list.forget()
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(URL).status_code == 200
        return len(captured)

    few = queries()
    many(account, 30)
    Sender.objects.bulk_create(
        Sender(account=account, name=f"Sender{number}", status=Sender.Status.ENABLED)
        for number in range(20)
    )

    assert queries() == few


@pytest.mark.parametrize(("number", "end"), TEST_NUMBERS.items(), ids=TEST_NUMBERS)
def test_each_number_ends_as_the_page_says(number, end):
    plan = simulated_numbers.plan(msisdn=number, reference="r", part=1, parts=1)
    last = plan.reports[-1].stat if plan.reports else "REFUSED"

    words = {
        "DELIVRD": "eliver",
        "ACCEPTD": "Accepted",
        "EXPIRED": "Expired",
        "UNDELIV": "Undeliverable",
        "UNKNOWN": "Unknown",
        "REJECTD": "Rejected",
        "REFUSED": "Refused",
    }
    assert number.startswith(simulated_numbers.PREFIX)
    assert words[last] in str(end)
