"""The URLs of the whole program."""

from django.contrib import admin
from django.urls import include, path

from sms_accounts.admin.self_check import self_check_page

urlpatterns = [
    path("admin/self-check/", admin.site.admin_view(self_check_page), name="self-check"),
    path("admin/", admin.site.urls),
    path("auth/", include("allauth.account.urls")),
    path("", include("sms_accounts.urls")),
]

handler400 = "panel.error_pages.bad_request"
