"""The URLs of the whole program."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("auth/", include("allauth.account.urls")),
    path("", include("sms_accounts.urls")),
]
