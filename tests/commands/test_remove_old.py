"""The command that removes what is kept no longer."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sms_accounts import retention
from sms_accounts.models import Account, Message, State, Submission
from tests.commands.running import run
from tests.factories import make_message

pytestmark = pytest.mark.django_db


def test_goes_on_to_the_end_and_says_how_many_rows_it_cleared(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 1)
    monkeypatch.setattr(retention, "A_RUN", timedelta(0))
    for _ in range(3):
        make_message()
    long_ago = timezone.now() - timedelta(days=2)
    Message.objects.update(state=State.DELIVERED, final_at=long_ago)
    Submission.objects.update(created_at=long_ago)
    Account.objects.update(retention_days=1)

    assert run("remove_old") == {"rows_cleared": 3}
    assert run("remove_old") == {"rows_cleared": 0}
