"""The way back to when callbacks told of messages alone."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from sms_accounts import accounts
from sms_accounts.models import Callback
from tests.factories import make_callback
from tests.replied import came, make_user

migration = import_module("sms_accounts.migrations.0048_callbacks_of_replies")


@pytest.mark.django_db
def test_forgets_callbacks_of_replies_and_no_others():
    user = make_user()
    accounts.set_callback(user.account, "", replies_url="https://example.com/", by=None)
    came()
    kept = make_callback("https://example.com/", api_user=user)
    assert Callback.objects.count() == 2

    migration.forget_those_of_replies(apps, connection.schema_editor())

    assert Callback.objects.get() == kept
