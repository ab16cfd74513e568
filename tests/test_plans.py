"""What tests of plans rely on."""

import pytest
from django.db import connection, transaction

from sms_accounts.models import Message
from tests.factories import make_message
from tests.plans import plan_of

pytestmark = pytest.mark.django_db


def test_dead_rows_of_other_tests_change_no_plan():
    sent = make_message()
    rows = Message.objects.filter(msisdn=sent.msisdn).order_by("-pk")
    plan = plan_of(rows)
    with transaction.atomic():
        for _each in range(2_000):
            sent.pk = None
            sent.save()
        transaction.set_rollback(True)

    assert plan_of(rows) == plan
    if connection.vendor == "postgresql":
        assert "cost=" in plan
