"""Which URLs hear of a user's messages and replies, or of all of an account, and how."""

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from sms_accounts import activity, callback_endpoints
from sms_accounts.models import Account, ApiUser, Callback, ReplySettings, User


def store(
    subject: ApiUser | Account, url: str, *, method: str | None = None, by: User | None
) -> bool:
    """Store a URL, or none, and how it is called, where that is given; say whether it differs.

    What waits for the old URL goes to the new one. To be called in a transaction that holds the
    lock of the subject.
    """
    before = {"url": subject.callback_url, "method": subject.callback_method}
    after = {"url": url, "method": method or subject.callback_method}
    if before == after:
        return False
    subject.callback_url, subject.callback_method = after["url"], after["method"]
    subject.save(update_fields=["callback_url", "callback_method"])
    if before["url"] != url:
        of_account = subject.account.callback_url if isinstance(subject, ApiUser) else ""
        _redirect(subject, before["url"], url, of_account=of_account, replies=False)
    callback_endpoints.switch_on_where_off(_account_id(subject), url, by=by)
    changed = {name for name in after if after[name] != before[name]}
    activity.record(
        by,
        "callback changed",
        subject,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
    return True


def store_for_replies(subject: ApiUser | Account, url: str, *, by: User | None) -> bool:
    """Store the URL that hears of replies, or none; say whether it differs.

    It is called and signed as the subject's other one is. What waits for the old URL goes to the
    new one. To be called in a transaction that holds the lock of the subject.
    """
    before = replies_url(subject)
    if before == url:
        return False
    ReplySettings.objects.update_or_create(**_whose(subject), defaults={"url": url})
    _redirect(subject, before, url, of_account=_replies_url_of_account(subject), replies=True)
    callback_endpoints.switch_on_where_off(_account_id(subject), url, by=by)
    activity.record(
        by, "URL for replies changed", subject, before={"url": before}, after={"url": url}
    )
    return True


def replies_url(subject: ApiUser | Account) -> str:
    """Return the URL that hears of replies to a user, or to all of an account; or an empty text."""
    found = ReplySettings.objects.filter(**_whose(subject))
    return found.values_list("url", flat=True).first() or ""


def _replies_url_of_account(subject: ApiUser | Account) -> str:
    return replies_url(subject.account) if isinstance(subject, ApiUser) else ""


def _whose(subject: ApiUser | Account) -> dict[str, Any]:
    return {"api_user" if isinstance(subject, ApiUser) else "account": subject}


def _account_id(subject: ApiUser | Account) -> int:
    return subject.account_id if isinstance(subject, ApiUser) else subject.pk


def _waiting(subject: ApiUser | Account, *, replies: bool) -> QuerySet[Callback]:
    waiting = Callback.objects.open().filter(message__isnull=replies)
    if isinstance(subject, ApiUser):
        return waiting.filter(api_user=subject)
    return waiting.filter(account=subject, api_user=None)


def _redirect(
    subject: ApiUser | Account, old: str, url: str, *, of_account: str, replies: bool
) -> None:
    """Send what waits for an old URL to a new one, or nowhere where there is none.

    What the new URL hears of already, as that `of_account` or as a user's, is told once.
    """
    now = timezone.now()
    waiting = _waiting(subject, replies=replies).filter(url=old)
    if isinstance(subject, ApiUser) and old == of_account:
        # Told once for both so far: the account goes on waiting for it there.
        waiting.update(api_user=None)
        return
    if url:
        event = "received" if replies else "message"
        told = Callback.objects.filter(
            **{event: OuterRef(event)}, sequence=OuterRef("sequence"), url=url
        )
        waiting.exclude(Exists(told)).update(url=url, due_at=now, backlog_of=None)
    waiting.update(given_up_at=now)
