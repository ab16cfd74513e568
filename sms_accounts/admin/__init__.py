"""What staff do and read in Django's admin; it changes rows through the use cases alone."""

from allauth.account import admin as _allauth_admin  # noqa: F401  # registers what is taken out below
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from sms_accounts.admin import (  # noqa: F401  # each registers its pages
    accounts,
    alerts,
    api_users,
    batches,
    callbacks,
    carrier_health,
    carriers,
    http_carriers,
    messages,
    opt_outs,
    people,
    rates,
    received,
    routes,
    routing,
    smpp_carriers,
    statement,
)

admin.site.site_header = _("SMS panel")
admin.site.site_title = _("SMS panel – staff")
admin.site.index_title = _("SMS panel – staff")
# One way to sign in for everybody: the panel's own page, with all that it demands.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
# Addresses are changed at the person; a second list of them would contradict it one day.
admin.site.unregister(EmailAddress)
