"""The program is killed while a phone says STOP: nothing of what follows is lost or done twice."""

import json

import pytest

from sms_accounts import accounts
from sms_accounts.models import Callback, Message, OptOut, Received, State, Submission
from tests.crash.points import RECEIVING
from tests.factories import MSISDN
from tests.replied import NUMBER, make_sent, make_user
from tests.simulator_rig import SECRET

pytestmark = pytest.mark.django_db(transaction=True)

SAID = {
    "body": json.dumps({"from": MSISDN, "to": NUMBER, "text": "STOP", "id": "1"}),
    "authorization": f"Bearer {SECRET}",
}


@pytest.mark.parametrize("point", RECEIVING, ids=lambda point: point.name)
def test_a_stop_outlives_a_kill(point, lives):
    user = make_user(credits=200)
    make_sent(user)
    accounts.set_callback(user.account, "", replies_url="https://example.com/", by=None)

    before = [("reply", SAID)] if point.step == "receive" else []
    ended = lives.live(*before, (point.step, SAID), point=point)
    assert ended.was_killed, "the point was never reached"
    # Who got no answer says it again, and others read what is left.
    lives.live(("reply", SAID), ("receive", {}))
    lives.live(("receive", {}))

    received = Received.objects.get()
    assert (received.account, received.keyword) == (user.account, "stop")
    assert OptOut.objects.get().msisdn == MSISDN
    answer = Message.objects.get(submission__channel=Submission.Channel.ANSWER)
    assert (received.answer_id, answer.state) == (answer.submission_id, State.QUEUED)
    assert Callback.objects.get().received == received
    user.account.wallet.refresh_from_db()
    assert user.account.wallet.credits == 198
