"""The URLs of the app: what machines call, and what people open."""

from django.urls import path

from sms_accounts.endpoints import health

urlpatterns = [
    path("healthz/", health.healthz, name="healthz"),
]
