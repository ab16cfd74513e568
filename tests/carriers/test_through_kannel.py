"""Through gateways that others wrote: Kannel, and behind it the SMSC of the package smpp.

What Kannel reports comes to our own DLR endpoint.
"""

from decimal import Decimal

import pytest

from sms_accounts import delivery, receiving, reports, submission
from sms_accounts.models import HttpCarrier, Message, Received, State
from tests.clients.kannel import PASSWORD, Kannel, over_smpp
from tests.factories import make_account, make_api_user, make_http_carrier, make_order
from tests.replied import NUMBER, make_number
from tests.simulator_rig import wait_until
from tests.sizes import long
from tests.smpp.smsc import PASSWORD as SMSC_PASSWORD
from tests.smpp.test_against_node import ALPHABET, LONG_UNICODE, NodeSmsc

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.whole_program,
    pytest.mark.on_embedded,
    long,
]

# An escaped character stands where the first part ends.
LONG_GSM7 = "x" * 151 + "{€}" + "y" * 300
DELIVERED, EXPIRED, REFUSED = "33639980004", "33639980024", "33639985023"
THROTTLED, ANSWERS, DROPPED_ONCE = "33639986004", "33639980901", "33639987104"


@pytest.fixture(scope="module")
def smsc():
    smsc = NodeSmsc()
    yield smsc
    smsc.close()


@pytest.fixture(scope="module")
def kannel(tmp_path_factory, smsc, live_server):
    address = f"{live_server.url}/received/gateway/dlr-secret/"
    configuration = over_smpp(smsc.port, password=SMSC_PASSWORD, replies_to=address)
    with Kannel(tmp_path_factory.mktemp("kannel"), configuration) as kannel:
        yield kannel


@pytest.fixture(autouse=True)
def deaf(monkeypatch):
    """No worker listens: the tests read reports themselves."""
    monkeypatch.setattr("sms_accounts.endpoints.dlr.dlr_bell.ring", lambda: None)
    monkeypatch.setattr("sms_accounts.endpoints.received.reply_bell.ring", lambda: None)


@pytest.fixture
def carrier(kannel, smsc, live_server):
    smsc.heard.clear()
    carrier = make_http_carrier(
        url=kannel.url, password=PASSWORD, panel_url=live_server.url, default=True
    )
    HttpCarrier.objects.update(username="alice", err_codes="024 = 24", takes_long_texts=False)
    return carrier


def sent(text, *msisdns):
    """Send through the panel, and wait until everything has ended; return the messages."""
    user = make_api_user(account=make_account(credits=100))
    receipt = submission.submit(make_order(user, text=text, receivers=list(msisdns)))
    assert delivery.deliver_due() == len(msisdns)
    messages = Message.objects.filter(pk__in=receipt.message_ids).order_by("pk")

    def ended():
        reports.record_dlrs()
        return not messages.filter(state__in=(State.SUBMITTING, State.ENROUTE)).exists()

    wait_until(ended, reason="no report of the end")
    return list(messages)


def heard_text(smsc):
    parts = sorted(smsc.heard, key=lambda heard: heard["header"][0][-2:] if heard["header"] else "")
    return "".join(heard["text"] for heard in parts)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    "text", [LONG_UNICODE, "x" * 150 + "{€}" + "y" * 300], ids=["ucs2", "gsm7"]
)
def test_a_long_text_arrives_whole_and_is_reported(carrier, smsc, text, whole):
    HttpCarrier.objects.update(takes_long_texts=whole)

    [message] = sent(text, DELIVERED)

    assert message.state == State.DELIVERED
    assert heard_text(smsc) == text
    assert {heard["coding"] for heard in smsc.heard} == {8 if text is LONG_UNICODE else 0}
    attempts = message.attempts.all()
    assert len(attempts) == (1 if whole else len(smsc.heard))
    assert {attempt.state for attempt in attempts} == {State.DELIVERED}


def test_every_character_of_the_alphabet_arrives(carrier, smsc):
    [message] = sent(ALPHABET, DELIVERED)

    assert message.state == State.DELIVERED
    assert heard_text(smsc) == ALPHABET
    assert smsc.heard[0]["sender"] == "Example"


def test_what_is_not_delivered_says_why(carrier):
    delivered, expired, refused = sent("Hello", DELIVERED, EXPIRED, REFUSED)

    assert (delivered.state, delivered.ptt) == (State.DELIVERED, 4)
    assert (expired.state, expired.ptt) == (State.EXPIRED, 24)
    assert (refused.state, refused.ptt) == (State.REJECTED, 23)
    assert expired.attempts.get().code == "EXPIRED err:024"
    refused.submission.api_user.account.wallet.refresh_from_db()
    assert refused.submission.api_user.account.wallet.credits == Decimal(98)


def test_throttling_behind_it_loses_no_message(carrier, smsc):
    [message] = sent("Hello", THROTTLED)

    assert message.state == State.DELIVERED
    assert len(smsc.heard) == 3


def test_a_drop_in_mid_window_behind_it_loses_no_message(carrier, smsc):
    before, after = (
        [f"336399900{number}" for number in numbers] for numbers in (range(10, 14), range(20, 24))
    )

    messages = sent("Hello", *before, DROPPED_ONCE, *after)

    assert {message.state for message in messages} == {State.DELIVERED}
    assert [message.attempts.count() for message in messages] == [1] * 9
    # Kannel hands over again what got no answer; whoever paid has paid once.
    assert sum(1 for heard in smsc.heard if heard["msisdn"] == DROPPED_ONCE) == 2
    wallet = messages[0].submission.api_user.account.wallet
    wallet.refresh_from_db()
    assert wallet.credits == Decimal(91)


def test_what_a_phone_answers_comes_back_whole(carrier):
    account = make_account(credits=100)
    make_number(account)
    user = make_api_user(account=account)
    order = make_order(user, text="Coming?", receivers=[ANSWERS], sender=NUMBER)
    receipt = submission.submit(order)
    delivery.deliver_due()

    wait_until(lambda: receiving.read_received() and Received.objects.exists(), reason="no reply")

    reply = Received.objects.get()
    assert reply.text == "Grüße aus Köln 🙂"
    assert (reply.account, reply.message_id) == (account, receipt.message_ids[0])


def test_a_wrong_password_loses_no_message(carrier):
    HttpCarrier.objects.update(username="bob")
    user = make_api_user(account=make_account(credits=100))
    receipt = submission.submit(make_order(user, text="Hello", receivers=[DELIVERED]))

    delivery.deliver_due()

    message = Message.objects.get(pk=receipt.message_ids[0])
    assert message.state == State.QUEUED
    assert message.attempts.get().outcome == "try_later"
