"""An API user at whose threshold an alert is due, and what became of the alert."""

from decimal import Decimal

from sms_accounts.models import ApiUser, Wallet
from tests.factories import make_account, make_alert, make_api_user, make_user

EMAIL, SMS, BOTH = ApiUser.Support.EMAIL, ApiUser.Support.SMS, ApiUser.Support.BOTH


def make_alerted(
    support=EMAIL,
    *,
    credits: Decimal | int = 200,
    owner="alice@example.com",
    login="script1",
    **given,
):
    """A user with a quota of 10, and an alert that is due: 4 credits left, threshold 5."""
    account = make_account(credits=credits, owner=make_user(owner))
    user = make_api_user(
        account=account,
        login=login,
        quota=min(10, credits),
        threshold=5,
        support=support,
        **given,
    )
    user.alerts.all().delete()
    return make_alert(user)


def notifications(alert) -> list[tuple[str, str, str]]:
    return list(alert.notifications.order_by("id").values_list("channel", "state", "address"))


def credits_of(wallet_id: int) -> Decimal:
    return Wallet.objects.get(pk=wallet_id).credits


def smtp_at(settings, port):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    settings.EMAIL_TIMEOUT = 5
