"""The app's name, and nothing that runs at start-up."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SmsAccountsConfig(AppConfig):
    name = "sms_accounts"
    verbose_name = _("SMS accounts")
