"""Keeps how each receiver of callbacks has been: failing, paused, switched off; tells holders."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from smtplib import SMTPException
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from sms_accounts import activity
from sms_accounts.models import (
    Account,
    ApiUser,
    Callback,
    CallbackEndpoint,
    Membership,
    ReplySettings,
    User,
)

log = structlog.get_logger(__name__)

# Of an account, and its URL.
Key = tuple[int, str]

# After so long of nothing but failures a receiver is not called any more; its holder is warned
# when half of that is over.
OFF_AFTER = timedelta(days=5)
WARNED_AFTER = OFF_AFTER / 2

# A mail that the server did not take is tried again so often, so long apart.
MOST_TELLS = 8
TELL_AGAIN = timedelta(minutes=10)


def known(keys: Iterable[Key]) -> dict[Key, CallbackEndpoint]:
    """Return the endpoints of these accounts and URLs, made where there were none yet."""
    wanted = set(keys)
    found = _found(wanted)
    if missing := wanted - found.keys():
        CallbackEndpoint.objects.bulk_create(
            (CallbackEndpoint(account_id=account, url=url) for account, url in sorted(missing)),
            ignore_conflicts=True,
        )
        found |= _found(missing)
    return found


def _found(keys: Iterable[Key]) -> dict[Key, CallbackEndpoint]:
    accounts, urls = {account for account, _url in keys}, {url for _account, url in keys}
    rows = CallbackEndpoint.objects.filter(account__in=accounts, url__in=urls)
    return {(row.account_id, row.url): row for row in rows}


def note_success(endpoint: CallbackEndpoint) -> None:
    """Forget the failures of an endpoint that answered well, where it had any.

    It stays off where it was switched off meanwhile: that is for the holder to end.
    """
    if endpoint.failing_since is None and endpoint.paused_until is None:
        return
    _rows(endpoint).update(failing_since=None, warned_at=None, paused_until=None)
    endpoint.failing_since = endpoint.paused_until = None


def note_failure(endpoint: CallbackEndpoint, *, at: datetime, pause: timedelta | None) -> None:
    """Remember a failure; warn or switch off where it has been nothing else for long."""
    rows = _rows(endpoint)
    if pause is not None:
        rows.update(paused_until=at + pause)
        endpoint.paused_until = at + pause
    if endpoint.failing_since is None:
        rows.filter(failing_since=None).update(failing_since=at)
        endpoint.failing_since = at
    if at - endpoint.failing_since < WARNED_AFTER:
        return
    # By what the table says: somebody else may have had a success meanwhile.
    rows.filter(off_at=None, failing_since__lte=at - OFF_AFTER).update(
        off_at=at,
        off_because=CallbackEndpoint.OffBecause.FAILING,
        to_tell_at=at,
        to_tell_tries=0,
    )
    rows.filter(off_at=None, warned_at=None, failing_since__lte=at - WARNED_AFTER).update(
        warned_at=at, to_tell_at=at, to_tell_tries=0
    )


def note_gone(endpoint: CallbackEndpoint, *, at: datetime) -> None:
    """Switch an endpoint off whose receiver says that there is nothing any more."""
    switched_off = (
        _rows(endpoint)
        .filter(off_at=None)
        .update(
            off_at=at,
            off_because=CallbackEndpoint.OffBecause.GONE,
            to_tell_at=at,
            to_tell_tries=0,
        )
    )
    if switched_off:
        log.info("callback_endpoint_off", endpoint=endpoint.pk, because="gone")


def _rows(endpoint: CallbackEndpoint) -> QuerySet[CallbackEndpoint]:
    return CallbackEndpoint.objects.filter(pk=endpoint.pk)


def switch_on(endpoint: CallbackEndpoint, *, by: User | None) -> bool:
    """Call an endpoint again from now on; return whether it was off."""
    with transaction.atomic():
        switched_on = (
            _rows(endpoint)
            .filter(off_at__isnull=False)
            .update(
                off_at=None,
                off_because="",
                failing_since=None,
                warned_at=None,
                paused_until=None,
                to_tell_at=None,
            )
        )
        if switched_on:
            activity.record(
                by, "callback switched on", endpoint.account, after={"url": endpoint.url}
            )
    return bool(switched_on)


def switch_on_where_off(account_id: int, url: str, *, by: User | None) -> None:
    """Call a URL again that somebody has typed anew, where it was off."""
    off = CallbackEndpoint.objects.filter(account=account_id, url=url, off_at__isnull=False)
    for endpoint in off.select_related("account"):
        switch_on(endpoint, by=by)


def tell_due() -> int:
    """Mail the holders of endpoints that were switched off, or soon will be; return how many."""
    told = 0
    while endpoint := _claim_one_to_tell():
        try:
            _mail(endpoint).send()
        except (SMTPException, OSError, ValueError) as failed:
            log.warning("callback_mail_put_back", endpoint=endpoint.pk, problem=str(failed)[:200])
            continue
        _rows(endpoint).update(to_tell_at=None)
        told += 1
    return told


def _claim_one_to_tell() -> CallbackEndpoint | None:
    """Take one whose mail is due: it is due again later, should this worker vanish."""
    now = timezone.now()
    with transaction.atomic():
        due = (
            CallbackEndpoint.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
            .filter(to_tell_at__lte=now)
            .select_related("account")
            .order_by("to_tell_at")
            .first()
        )
        if due is not None:
            is_last = due.to_tell_tries + 1 >= MOST_TELLS
            _rows(due).update(
                to_tell_tries=F("to_tell_tries") + 1,
                to_tell_at=None if is_last else now + TELL_AGAIN,
            )
    return due


def _mail(endpoint: CallbackEndpoint) -> EmailMessage:
    """Return the mail about an endpoint, in the account's language and time zone."""
    account = endpoint.account
    with translation.override(account.language), timezone.override(ZoneInfo(account.time_zone)):
        return _composed(endpoint, account)


def _composed(endpoint: CallbackEndpoint, account: Account) -> EmailMessage:
    logins = users_of(endpoint).order_by("login").values_list("login", flat=True)
    values = {
        "account": account,
        "host": urlsplit(endpoint.url).hostname,
        "logins": ", ".join(logins[:20]),
        "is_of_account": account.callback_url == endpoint.url
        or ReplySettings.objects.filter(account=account, url=endpoint.url).exists(),
        "endpoint": endpoint,
        "reason": endpoint.get_off_because_display(),
        "off_at": (endpoint.failing_since or timezone.now()) + OFF_AFTER,
        "page": settings.PANEL_URL + reverse("callbacks", args=[account.name]),
    }
    subject = (
        _("%(account)s: a callback was switched off")
        if endpoint.off_at
        else _("%(account)s: a callback fails")
    )
    return EmailMessage(
        subject % {"account": account.name},
        render_to_string("email/callback_endpoint.txt", values),
        settings.DEFAULT_FROM_EMAIL,
        Membership.objects.addresses_of(account),
    )


def users_of(endpoint: CallbackEndpoint) -> QuerySet[ApiUser]:
    """Return the users whose callback leads there, that of their replies included."""
    leads_there = Q(callback_url=endpoint.url) | Q(reply_settings__url=endpoint.url)
    return ApiUser.objects.present().filter(leads_there, account=endpoint.account_id)


def give_up_some(endpoint: CallbackEndpoint, *, most: int) -> int:
    """Give up some of what waits for an endpoint that is off; return how many."""
    waiting = Callback.objects.open().filter(
        Q(claimed_until=None) | Q(claimed_until__lt=timezone.now()), backlog_of=endpoint
    )
    return Callback.objects.filter(
        pk__in=list(waiting.order_by("due_at", "id").values_list("pk", flat=True)[:most])
    ).update(given_up_at=timezone.now(), claimed_until=None)
