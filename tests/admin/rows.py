"""Addresses of the staff's pages, what they say, and rows of every kind to show on them."""

import itertools
import re
import uuid
from datetime import timedelta

from django.contrib.auth.models import Permission
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from sms_accounts import opt_outs, senders, submission
from sms_accounts.models import (
    Attempt,
    Callback,
    CallbackAttempt,
    CarrierDay,
    CarrierSwitch,
    DlrPost,
    DlrReport,
    Message,
    MessageEvent,
    OptOut,
    State,
    User,
)
from tests.batches_made import make_batch
from tests.factories import make_api_user, make_order, make_route, make_user
from tests.replied import came

_numbers = itertools.count(100)


def url(model: type[Model], page: str = "changelist", *arguments: object) -> str:
    return reverse(f"admin:sms_accounts_{model._meta.model_name}_{page}", args=arguments)


def text_of(response) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def make_clerk(*permissions: str) -> User:
    """Somebody of the staff who may do these things alone."""
    clerk = make_user()
    User.objects.filter(pk=clerk.pk).update(is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return clerk


def make_history() -> Message:
    """A message of an account of its own, with everything that can happen to one."""
    now = timezone.now()
    user = make_api_user(quota=5, threshold=4, callback="https://example.com/dlr")
    receipt = submission.submit(make_order(user, tag="spring"))
    opt_outs.add(user.account, {"32470123456": ""}, source=OptOut.Source.STAFF, by=make_user())
    message = Message.objects.get(pk=receipt.message_ids[0])
    message.advance(State.SUBMITTING, since=now)
    message.advance(State.ENROUTE, since=now)
    make_batch(user.account, by=make_user())
    make_route("simulator", account=user.account)
    CarrierSwitch.objects.create(carrier="acme", is_passed_over=True, because="slow", at=now)
    day = timezone.localdate(now) - timedelta(days=next(_numbers))
    CarrierDay.objects.create(carrier="acme", day=day, messages=1, cost="0.04", credits=1)
    senders.refuse(user.account.senders.get(), "Not yours", by=None)
    post = DlrPost.objects.create(carrier="simulator", body=b"id=1&stat=DELIVRD", received_at=now)
    add_details(message, post)
    came("Thank you", receiver=message.submission.sender)
    return message


def add_details(message: Message, post: DlrPost) -> None:
    """One more of each row that stands beneath a message, its callback, alert and DLR."""
    now = timezone.now()
    number = next(_numbers)
    attempt = Attempt.objects.create(
        message=message,
        part=1,
        carrier="simulator",
        reference=str(uuid.uuid4()),
        outcome=Attempt.Outcome.TAKEN,
        started_at=now,
    )
    DlrReport.objects.create(
        post=post,
        carrier="simulator",
        state=State.DELIVERED,
        ptt=4,
        code="000",
        received_at=now,
        attempt=attempt,
    )
    MessageEvent.objects.create(message=message, state=State.ENROUTE, cause="Taken", at=now)
    callback = Callback.objects.filter(message=message).first() or Callback.objects.create(
        message=message,
        account_id=message.account_id,
        api_user=message.submission.api_user,
        url="https://example.com/dlr",
        sequence=number,
        state=State.DELIVERED,
        changed_at=now,
        due_at=now,
    )
    CallbackAttempt.objects.create(
        callback=callback, at=now, duration=timedelta(seconds=1), status=200
    )
