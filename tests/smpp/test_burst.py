"""A burst of receipts: all are stored, answered and matched, and none twice."""

import threading
import time

import pytest
from django.utils import timezone

from sms_accounts import matching, orders, reports
from sms_accounts.carriers.smpp.carrier import Smpp
from sms_accounts.models import Attempt, DlrPost, DlrReport, Message, State
from sms_accounts.smpp_process import Desk
from tests.factories import make_smpp_carrier
from tests.plans import plan_of
from tests.simulator_rig import wait_until
from tests.sizes import in_bench
from tests.smpp.rig import fast_session, options_for
from tests.smpp.smsc import Smsc
from tests.smpp.test_misbehaviour import make_messages

COUNT = in_bench(50_000, otherwise=60)


def taken(count):
    """So many messages that the carrier took, as it would remember them."""
    messages: list[Message] = []
    while len(messages) < count:
        messages += make_messages(min(count - len(messages), orders.MOST_RECEIVERS))
    now = timezone.now()
    Message.objects.update(state=State.ENROUTE, carrier="acme", ptt=3)
    Attempt.objects.bulk_create(
        Attempt(
            message=message,
            part=1,
            carrier="acme",
            reference=f"{number:032x}",
            carrier_message_id=f"{number + 1:x}",
            outcome=Attempt.Outcome.TAKEN,
            started_at=now,
        )
        for number, message in enumerate(messages)
    )
    return messages


@pytest.mark.django_db(transaction=True)
def test_every_receipt_of_a_burst_is_stored_and_matched():
    messages = taken(COUNT)
    make_smpp_carrier()
    smsc = Smsc()
    desk = Desk(Smpp(options_for(smsc.port)))
    clerk = threading.Thread(target=desk.work)
    clerk.start()
    session = fast_session(options_for(smsc.port), desk)
    try:
        wait_until(lambda: session.is_bound and smsc.has_bound, reason="not bound")
        began = time.monotonic()
        answered = smsc.report_at_once(
            (f"{number + 1:08X}", message.msisdn) for number, message in enumerate(messages)
        )
        stored_after = time.monotonic() - began
    finally:
        session.stop()
        desk.close()
        clerk.join()
        smsc.stop()
    reports.record_dlrs()

    print(
        f"\n{COUNT} receipts stored in {stored_after:.1f} s, all done in "
        f"{time.monotonic() - began:.1f} s"
    )
    assert answered == COUNT
    assert DlrPost.objects.count() == DlrReport.objects.exclude(attempt=None).count() == COUNT
    assert not Message.objects.exclude(state=State.DELIVERED).exists()


@pytest.mark.django_db
def test_a_short_reference_is_found_by_an_index():
    report = DlrReport(carrier="acme", reference="abcd/004", received_at=timezone.now())

    plan = plan_of(matching.waiting_by_short_reference(report))

    assert "reference" in plan
    assert "SCAN sms_accounts_attempt" not in plan
    assert "Seq Scan on sms_accounts_attempt" not in plan
