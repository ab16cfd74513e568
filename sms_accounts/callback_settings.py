"""Which URL hears of a user's messages, or of all of an account, and how it is called."""

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from sms_accounts import activity, callback_endpoints
from sms_accounts.models import Account, ApiUser, Callback, User


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
        _redirect(subject, before["url"], url)
    account = subject.account_id if isinstance(subject, ApiUser) else subject.pk
    callback_endpoints.switch_on_where_off(account, url, by=by)
    changed = {name for name in after if after[name] != before[name]}
    activity.record(
        by,
        "callback changed",
        subject,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
    return True


def _waiting(subject: ApiUser | Account) -> QuerySet[Callback]:
    if isinstance(subject, ApiUser):
        return Callback.objects.open().filter(api_user=subject)
    return Callback.objects.open().filter(account=subject, api_user=None)


def _redirect(subject: ApiUser | Account, old: str, url: str) -> None:
    """Send what waits for an old URL to a new one, or nowhere where there is none.

    A change that the new URL hears of already, as the account's callback or as a user's, is
    told once.
    """
    now = timezone.now()
    waiting = _waiting(subject).filter(url=old)
    if isinstance(subject, ApiUser) and old == subject.account.callback_url:
        # Told once for both so far: the account goes on waiting for it there.
        waiting.update(api_user=None)
        return
    if url:
        told = Callback.objects.filter(
            message=OuterRef("message"), sequence=OuterRef("sequence"), url=url
        )
        waiting.exclude(Exists(told)).update(url=url, due_at=now, backlog_of=None)
    waiting.update(given_up_at=now)
