"""Settles messages from phones: whose each is, whether it says STOP, and who is to hear of it.

To be called in the transaction that stores the message: the opt-out, the answer and what is to be
forwarded are there with it, or nothing is.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from sms_accounts import (
    ledger,
    opt_outs,
    orders,
    reply_matching,
    reply_texts,
    stop_answers,
    submission,
)
from sms_accounts.models import (
    Account,
    ApiUser,
    Callback,
    OptOut,
    Received,
    ReplySettings,
    Submission,
)

log = structlog.get_logger(__name__)

Keyword = Received.Keyword

# A word of a phone is answered once in so long, whatever it does: two machines never talk.
ANSWERED_AGAIN_AFTER = timedelta(days=1)


def settle(received: Received) -> None:
    """Let everything follow of a stored message, once. Its row is locked."""
    owner = reply_matching.owner_of(received)
    received.account, received.api_user = owner.account, owner.api_user
    received.message = owner.message
    received.settled_at = timezone.now()
    if owner.account is not None:
        _heed(received, owner.account)
    else:
        log.warning("reply_unassigned", reply=received.pk, carrier=received.carrier)
    received.save(
        update_fields=[
            *("account", "api_user", "message", "settled_at"),
            *("keyword", "answer", "note"),
        ]
    )
    forward(received)


def forward(received: Received) -> None:
    """Store a callback for the user's URL, and for the account's where it is another one."""
    account_id = received.account_id
    if account_id is None:
        return
    told = Callback.objects.filter(received=received).values("sequence").distinct().count()
    now = timezone.now()
    Callback.objects.bulk_create(
        Callback(
            received=received,
            account_id=account_id,
            api_user=listener,
            url=url,
            sequence=told + 1,
            changed_at=received.received_at,
            due_at=now,
        )
        for url, listener in _listeners(received).items()
    )


def _listeners(received: Received) -> dict[str, ApiUser | None]:
    user = received.api_user
    whose = Q(account=received.account_id)
    if user is not None and user.deleted_at is None:
        whose |= Q(api_user=user)
    listeners: dict[str, ApiUser | None] = {}
    for found in ReplySettings.objects.filter(whose).exclude(url=""):
        if found.api_user_id is not None:
            listeners[found.url] = user
        else:
            listeners.setdefault(found.url, None)
    return listeners


def _heed(received: Received, account: Account) -> None:
    """Do what a message asks for that is a keyword and nothing else, and answer it once."""
    if received.missing or not reply_matching.is_subscriber(received.msisdn):
        return
    keyword = reply_texts.keyword_of(received.text, number=received.number)
    if not keyword:
        return
    received.keyword = Keyword(keyword)
    if _change[received.keyword](account, received):
        _answer(received, account)
    else:
        received.note = _("Nothing changed by it, so it was not answered.")


def _stop(account: Account, received: Received) -> bool:
    note = " ".join(received.text.split())[:200]
    source = OptOut.Source.REPLY
    return bool(opt_outs.add(account, {received.msisdn: note}, source=source, by=None))


def _start(account: Account, received: Received) -> bool:
    """Take a number off the list that came there by STOP; who put it there by hand decides."""
    by_reply = OptOut.objects.filter(
        account=account, msisdn=received.msisdn, source=OptOut.Source.REPLY
    )
    return by_reply.exists() and bool(opt_outs.remove(account, [received.msisdn], by=None))


_change: dict[str, Callable[[Account, Received], bool]] = {
    Keyword.STOP: _stop,
    Keyword.START: _start,
}


def _answer(received: Received, account: Account) -> None:
    """Store the SMS that answers, paid by the account, or say why there is none."""
    if why_not := _why_not(received, account):
        received.note = why_not
        return
    order = orders.Order(
        account=account,
        api_user=None,
        channel=Submission.Channel.ANSWER,
        sender=received.number,
        receivers=[f"+{received.msisdn}"],
        text=stop_answers.text_of(received, account),
    )
    try:
        with transaction.atomic():
            received.answer = submission.submit(order).submission
    except ledger.InsufficientCredits:
        received.note = _("Not answered: the account's credits did not suffice.")
    except orders.SenderNotEnabled:
        received.note = _("Not answered: the number is no enabled sender of the account.")
    except orders.Refused as refused:
        received.note = (_("Not answered: %s") % refused)[:200]


def _why_not(received: Received, account: Account) -> str:
    if ReplySettings.objects.filter(account=account, answers_stop=False).exists():
        return _("Not answered: answers are switched off.")
    if not account.is_enabled:
        return _("Not answered: the account is disabled.")
    if _was_answered(received, account, since=received.received_at - ANSWERED_AGAIN_AFTER):
        return _("Not answered: the same word was answered within a day.")
    return ""


def _was_answered(received: Received, account: Account, *, since: datetime) -> bool:
    answered = Received.objects.filter(
        account=account,
        msisdn=received.msisdn,
        keyword=received.keyword,
        answer__isnull=False,
        received_at__gt=since,
    )
    return answered.exclude(pk=received.pk).exists()
