"""The tab "Send": typed, counted, confirmed, seen on its way, stopped."""

import re

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from sms_accounts import accounts, batch_sending, batches, receiver_lists, senders
from sms_accounts.models import (
    Account,
    Batch,
    Membership,
    ReceiverFile,
    Sender,
    Submission,
)
from tests.batches_made import make_batch, numbers
from tests.factories import make_account, make_member
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in

NUMBER = "33639980004"
TYPED = {"sender": "Example", "receivers": NUMBER, "text": "Hello", "when": "now"}
COUNT = {"HX-Request": "true", "HX-Target": "count"}
CSV = b"number;name\n33639980004;Ann\n33639980017;Bob\n"


def page(name, account, *keys, **query) -> str:
    return reverse(name, args=[account.name, *keys], query=query)


def said(answer) -> str:
    return text_of(answer.content.decode())


def file(content: bytes = CSV, name: str = "guests.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/csv")


def typed(browser, account, **changes):
    return browser.post(page("send", account), {**TYPED, **changes}, follow=True)


def counted(browser, account, **changes) -> str:
    url = page("send-count", account)
    return said(browser.post(url, {**TYPED, **changes}, headers=COUNT))


def value_of(answer, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*?value="([^"]*)"', answer.content.decode())
    assert found is not None
    return found[1]


class TestForm:
    def test_opens_with_the_enabled_senders(self, browser, account):
        Sender.objects.create(account=account, name="Waiting")

        answer = browser.get(page("send", account))

        offered = re.findall(r'<option value="([^"]*)"', answer.content.decode())
        assert offered == ["Example"]
        assert "Enter receivers to see it." in said(answer)

    def test_begins_with_the_default_sender(self, browser, account):
        second = senders.enable_sender(account, "Second", by=None)
        accounts.change(account, {"default_sender": second}, by=None)

        html = browser.get(page("send", account)).content.decode()

        assert re.search(r'<option value="Second"\s+selected', html)

    def test_says_what_to_do_without_a_sender(self, browser, account):
        Sender.objects.all().delete()

        told = said(browser.get(page("send", account)))

        assert "Go to the senders" in told
        assert "Continue" not in told

    def test_is_not_for_viewers_who_see_what_was_sent(self, account, alice):
        batch = make_batch(account, by=alice)
        batches.confirm(batch, by=alice)
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        told = said(viewer.get(page("send", account)))

        assert "You may look at this account" in told
        assert "Being sent" in told
        assert viewer.get(page("batch", account, batch.pk)).status_code == 200
        assert viewer.post(page("send", account), TYPED).status_code == 404

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"sender": "Nobody"}, "Nobody cannot be used any more."),
            ({"text": " "}, "Enter the text of the SMS."),
            ({"text": "x" * 1000}, "The text takes 7 parts; at most 6 can be sent."),
            ({"text": "Hello {name}"}, "Nothing fills {name}: choose a CSV file"),
            ({"receivers": ""}, "Enter at least one number, or choose a file."),
            ({"receivers": "06 39 98 00 04"}, "is no number that can be sent to. Write numbers"),
            ({"receivers": "a, b"}, "None of these can be sent to: a, b."),
            ({"when": "later", "at": ""}, "Enter a day and a time"),
            ({"when": "later", "at": "soon"}, "Enter a day and a time"),
            ({"when": "later", "at": "2020-01-01T10:00"}, "This has passed"),
            ({"tag": "x" * 21}, "at most 20 characters"),
            ({"when": ""}, "Choose now or later."),
        ],
    )
    def test_says_beside_the_field_what_is_wrong_and_keeps_the_rest(
        self, browser, account, changes, told
    ):
        answer = typed(browser, account, **{"text": "Kept words", "tag": "kept", **changes})

        assert told in said(answer)
        html = answer.content.decode()
        assert changes.get("text", "Kept words").strip() in html
        assert changes.get("tag", "kept") in html
        assert not Batch.objects.exists()

    def test_takes_no_more_numbers_than_can_be_sent_at_once(self, browser, account, monkeypatch):
        monkeypatch.setattr("sms_accounts.forms.send.MOST_RECEIVERS", 2)

        told = said(typed(browser, account, receivers="\n".join(numbers(3))))

        assert "At most 2 numbers can be sent to at once." in told

    def test_refuses_who_writes_too_often(self, browser, account, monkeypatch):
        monkeypatch.setattr(batches, "MOST_A_MINUTE", 1)
        typed(browser, account)

        answer = typed(browser, account, text="Kept words")

        assert "wait a minute" in said(answer)
        assert "Kept words" in answer.content.decode()

    def test_reads_national_numbers_as_those_of_the_home_country(self, browser, account):
        Account.objects.update(home_country="FR")

        typed(browser, account, receivers="06 39 98 00 04; 0639980017\n+33639980024")

        assert Batch.objects.get().receivers == 3


class TestTime:
    @pytest.fixture(autouse=True)
    def paris(self, account):
        Account.objects.update(time_zone="Europe/Paris")
        with time_machine.travel("2027-03-01T12:00:00Z", tick=False):
            yield

    @pytest.fixture
    def browser(self, alice, paris):
        # Signed in at that time.
        return signed_in(alice)

    @pytest.mark.parametrize(
        ("at", "moment"),
        [
            ("2027-06-01T14:30", "2027-06-01T12:30:00+00:00"),
            # The hour that comes twice is the first one.
            ("2027-10-31T02:30", "2027-10-31T00:30:00+00:00"),
        ],
    )
    def test_is_that_of_the_account(self, browser, account, at, moment):
        answer = typed(browser, account, when="later", at=at)

        scheduled = Batch.objects.get().scheduled_at
        assert scheduled is not None
        assert scheduled.isoformat() == moment
        assert at.replace("T", " ") in said(answer)

    def test_that_the_clocks_leave_out_is_refused(self, browser, account):
        answer = typed(browser, account, when="later", at="2027-03-28T02:30")

        assert "The clocks are put forward over this time." in said(answer)
        assert "2027-03-28T02:30" in answer.content.decode()

    def test_is_left_alone_where_it_goes_at_once(self, browser, account):
        typed(browser, account, when="now", at="2027-03-28T02:30")

        assert Batch.objects.get().scheduled_at is None


class TestCount:
    def test_is_what_the_server_charges_by_country(self, browser, account):
        told = counted(
            browser, account, text="x" * 161, receivers=f"{NUMBER}, 32470123456, {NUMBER}, nobody"
        )

        assert "161 characters · GSM 03.38 · 2 parts" in told
        assert "France 1 2 2.00" in told
        assert "Belgium 1 2 2.00" in told
        assert "In all 2 4.00" in told
        assert f"Left out: 1 twice ({NUMBER}), 1 no number (nobody)." in told

    def test_has_the_stop_clause_in_it(self, browser, account):
        told = counted(browser, account, text="x" * 155, stop_clause="on")

        assert "166 characters · GSM 03.38 · 2 parts" in told
        assert "STOP 36184" in told

    def test_names_what_makes_it_unicode(self, browser, account):
        told = counted(browser, account, text="It’s\u00a0an ê")

        assert "9 characters · Unicode · 1 part" in told
        assert "’ U+00A0 ê" in told
        assert "Write plain signs instead" in told
        assert "Write plain signs instead" not in counted(browser, account, text="ê")

    def test_marks_it_in_the_preview(self, browser, account):
        url = page("send-count", account)

        html = browser.post(url, {**TYPED, "text": "<b>’</b>"}, headers=COUNT).content.decode()

        assert "&lt;b&gt;<mark>’</mark>&lt;/b&gt;" in html

    def test_warns_where_the_credits_are_not_enough(self, browser, account):
        told = counted(browser, account, receivers="\n".join(numbers(201)))

        assert "The account has 200.00 credits left." in told

    def test_finds_no_fault_with_what_is_not_there_yet(self, browser, account):
        answer = browser.post(page("send-count", account), {}, headers=COUNT)

        assert answer.status_code == 200
        assert "Enter receivers to see it." in said(answer)

    def test_works_by_a_button_without_script(self, browser, account):
        answer = typed(browser, account, do="count", text="x" * 161, at="2027-01-01T10:00")

        told = said(answer)
        assert "161 characters · GSM 03.38 · 2 parts" in told
        assert "France 1 2 2.00" in told
        assert "2027-01-01T10:00" in answer.content.decode()
        assert not Batch.objects.exists()

    def test_plain_signs_come_by_one_click(self, browser, account):
        answer = typed(browser, account, do="plain", text="It’s “on”…")

        html = answer.content.decode()
        assert "It&#x27;s &quot;on&quot;..." in html
        assert "GSM 03.38" in said(answer)
        assert NUMBER in html

    def test_is_for_those_alone_who_may_send(self, account, bobs_browser):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        for person in (viewer, bobs_browser):
            answer = person.post(page("send-count", account), TYPED, headers=COUNT)
            assert answer.status_code == 404


class TestFile:
    def test_fills_the_text_of_each_row(self, browser, account):
        answer = typed(browser, account, receivers="", text="Hello {Name}", file=file())

        assert "Send this to 2 receivers?" in said(answer)
        assert "Hello Ann" in said(answer)
        browser.post(page("batch", account, Batch.objects.get().pk))
        batch_sending.send_due()
        texts = set(Submission.objects.values_list("text", flat=True))
        assert texts == {"Hello Ann", "Hello Bob"}

    def test_is_kept_while_something_else_is_wrong(self, browser, account):
        first = typed(browser, account, receivers="", text="Hello {nam}", file=file())
        assert "The file has no column for {nam}. Its columns are number and name." in said(first)
        assert "From the file guests.csv" in said(first)
        key = value_of(first, "file_key")

        answer = typed(browser, account, receivers="", text="Hello {name}", file_key=key)

        assert "Send this to 2 receivers?" in said(answer)

    def test_is_counted_and_can_be_taken_out(self, browser, account):
        url = page("send-count", account)
        data = {**TYPED, "receivers": "", "text": "Hello {name}", "file": file()}
        answer = browser.post(url, data, headers=COUNT)
        assert "France 2 2 2.00" in said(answer)
        # The field is emptied, so that it is not sent again with each letter.
        assert 'hx-swap-oob="true"' in answer.content.decode()
        key = value_of(answer, "file_key")
        assert (
            "hx-swap-oob"
            not in browser.post(url, {**TYPED, "file_key": key}, headers=COUNT).content.decode()
        )

        answer = typed(browser, account, do="no-file", file_key=key)

        assert "guests.csv" not in said(answer)

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "This file is empty."),
            (b"tel;name\n336;x\n", "This file has no column “number”. Its columns are: tel, name."),
            (b"number;a;A\n336;x;y\n", "Two columns of this file have the same name."),
            (b"number\n", "This file has no row under the names of its columns."),
            (b"number\0\n", "This is no CSV file."),
            (b"number\n" + b"1\n" * 4, "This file is too large: at most"),
        ],
    )
    def test_that_cannot_be_used_says_why(self, browser, account, content, told, monkeypatch):
        monkeypatch.setattr(receiver_lists, "MOST_RECEIVERS", 3)

        answer = typed(browser, account, receivers="", text="Kept words", file=file(content))

        assert told in said(answer)
        assert "Kept words" in answer.content.decode()
        assert told in counted(browser, account, receivers="", file=file(content))
        assert not ReceiverFile.objects.exists()

    def test_and_typed_numbers_do_not_go_together(self, browser, account):
        answer = typed(browser, account, file=file())

        assert "Type numbers or choose a file, not both" in said(answer)

    def test_of_somebody_else_is_not_taken(self, browser, account, bobs_browser):
        other = make_account(owner=make_member(account, Membership.Role.MANAGER))
        kept = batches.keep_file(other, "x.csv", CSV, by=make_member(other, Membership.Role.OWNER))

        answer = typed(browser, account, receivers="", file_key=kept.pk)

        assert "Enter at least one number, or choose a file." in said(answer)
