"""Makes what tests need, with harmless defaults; purses are filled through the ledger."""

import itertools
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from sms_accounts import (
    accounts,
    api_users,
    debits,
    lanes,
    ledger,
    limits,
    orders,
    routes,
    sealing,
    submission,
)
from sms_accounts.models import (
    Account,
    Alert,
    ApiUser,
    Callback,
    HttpCarrier,
    Membership,
    Message,
    Rate,
    Route,
    SmppCarrier,
    Submission,
    User,
)

PASSWORD = "correct horse battery"
API_PASSWORD = "Secret1234"
# A number that the simulated carrier delivers to.
MSISDN = "33639980004"
SENDER = "Example"

_numbers = itertools.count(1)


def make_user(email: str = "", *, staff: bool = False) -> User:
    email = email or f"person{next(_numbers)}@example.com"
    return User.objects.create_user(email, PASSWORD, is_staff=staff, is_superuser=staff)


def make_account(
    *,
    owner: User | None = None,
    name: str = "",
    credits: Decimal | int = 200,
    sender: str = SENDER,
    time_zone: str = "UTC",
    language: str = "en",
) -> Account:
    Rate.objects.get_or_create(prefix="", defaults={"credits": 1})
    return accounts.open_account(
        name or f"sms-zz{next(_numbers):05}-1",
        owner=owner or make_user(),
        by=None,
        credits=Decimal(credits),
        senders=(sender,),
        time_zone=time_zone,
        language=language,
    )


def make_member(account: Account, role: Membership.Role) -> User:
    user = make_user()
    Membership.objects.create(account=account, user=user, role=role)
    return user


def make_api_user(
    *,
    account: Account | None = None,
    login: str = "",
    password: str = API_PASSWORD,
    quota: Decimal | int | None = None,
    threshold: Decimal | int | None = None,
    support: ApiUser.Support = ApiUser.Support.EMAIL,
    email: str = "alerts@example.com",
    msisdn: str = MSISDN,
    callback: str = "",
    restrictions: list[str] | None = None,
) -> ApiUser:
    user = api_users.add(
        account or make_account(),
        login=login or f"script{next(_numbers)}",
        password=password,
        by=None,
    )
    if quota is not None:
        ledger.set_quota(user, Decimal(quota), by=None)
    if threshold is not None:
        limit = limits.Limit(
            enabled=True,
            threshold=Decimal(threshold),
            support=support,
            email=email,
            msisdn=msisdn,
        )
        api_users.set_limit(user, limit, by=None)
    if callback:
        api_users.set_callback(user, callback, by=None)
    if restrictions:
        api_users.set_restrictions(user, restrictions, by=None)
    return ApiUser.objects.select_related("account", "wallet").get(pk=user.pk)


def make_order(
    user: ApiUser,
    *,
    receivers: list[str] | None = None,
    text: str = "Hello",
    sender: str = SENDER,
    tag: str = "",
) -> orders.Order:
    return orders.Order(
        account=user.account,
        api_user=user,
        channel=Submission.Channel.HTTP2SMS,
        sender=sender,
        receivers=receivers or [MSISDN],
        text=text,
        tag=tag,
    )


def debit(payer: ApiUser | Account, credits: Decimal, *, submission: Submission) -> debits.Paid:
    """Pay for a stored submission; raises InsufficientCredits."""
    bill = debits.Bill(
        payer=payer,
        credits=credits,
        account_id=submission.account_id,
        submission_id=submission.pk,
        at=submission.created_at,
    )
    users = [payer.pk] if isinstance(payer, ApiUser) else []
    with transaction.atomic():
        [outcome] = debits.debit_each([bill], debits.lock_payers(users)())
    if isinstance(outcome, ledger.InsufficientCredits):
        raise outcome
    return outcome


def make_submission(user: ApiUser, *, credits: Decimal | int = 1) -> Submission:
    """A stored submission that nobody has paid yet."""
    return Submission.objects.create(
        account=user.account,
        api_user=user,
        wallet_id=user.wallet_id,
        channel=Submission.Channel.HTTP2SMS,
        sender=SENDER,
        text="Hello",
        coding="gsm7",
        parts=1,
        credits=credits,
        created_at=timezone.now(),
    )


def make_message(
    *, user: ApiUser | None = None, text: str = "Hello", msisdn: str = MSISDN, tag: str = ""
) -> Message:
    """A message that is stored, paid and due."""
    order = make_order(user or make_api_user(), receivers=[msisdn], text=text, tag=tag)
    return submission.submit(order).submission.messages.get()


def make_long_message(*, parts: int, user: ApiUser | None = None) -> Message:
    """A message that takes so many parts on air."""
    return make_message(user=user, text="x" * (100 if parts == 1 else 153 * parts))


def make_alert(user: ApiUser, *, balance: Decimal | int = 4) -> Alert:
    """A crossing of the user's threshold, with its notifications due."""
    threshold = user.alert_threshold or Decimal(0)
    alert = Alert.about(user, threshold=threshold, balance=Decimal(balance), at=timezone.now())
    [stored] = Alert.objects.store([alert])
    return stored


def make_callback(
    url: str,
    *,
    message: Message | None = None,
    sequence: int = 1,
    state: str = "delivered",
    ptt: int | None = 4,
    changed_at: datetime | None = None,
    api_user: ApiUser | None = None,
) -> Callback:
    """A callback that is due."""
    message = message or make_message(user=api_user)
    return Callback.objects.create(
        message=message,
        account=message.account,
        api_user=api_user,
        url=url,
        sequence=sequence,
        state=state,
        ptt=ptt,
        changed_at=changed_at or timezone.now(),
        due_at=timezone.now(),
    )


def make_route(
    *carriers: str,
    prefix: str = "",
    sender: str = "",
    account: Account | None = None,
    api_user: ApiUser | None = None,
) -> Route:
    """A route that counts at once; a carrier has preference, share and cost: "acme 1 3 0.04"."""
    route = Route.objects.create(
        prefix=prefix,
        sender=sender,
        account=api_user.account if api_user else account,
        api_user=api_user,
    )
    for written in carriers:
        name, *given = written.split()
        columns = zip(("preference", "share", "cost"), map(Decimal, given), strict=False)
        route.carriers.create(carrier=name, **dict(columns))
    routes.make_lanes()
    lanes.forget()
    return route


def make_smpp_carrier(
    *,
    name: str = "acme",
    port: int = 2775,
    password: str = "secret",
    enabled: bool = True,
    default: bool = False,
) -> SmppCarrier:
    """A carrier on this machine that staff have set up."""
    return SmppCarrier.objects.create(
        name=name,
        is_enabled=enabled,
        is_default=default,
        host="127.0.0.1",
        port=port,
        system_id="panel",
        password_sealed=sealing.seal(password),
    )


def make_http_carrier(
    *,
    kind: HttpCarrier.Kind = HttpCarrier.Kind.KANNEL,
    name: str = "gateway",
    url: str = "http://127.0.0.1:1/send",
    password: str = "secret",
    dlr_secret: str = "dlr-secret",
    enabled: bool = True,
    default: bool = False,
    **given: Any,
) -> HttpCarrier:
    """A carrier on this machine that staff have set up, with whatever its kind wants besides."""
    return HttpCarrier.objects.create(
        name=name,
        kind=kind,
        is_enabled=enabled,
        is_default=default,
        url=url,
        username="panel",
        account="sms-ab12345-1",
        password_sealed=sealing.seal(password),
        dlr_secret_sealed=sealing.seal(dlr_secret),
        **given,
    )
