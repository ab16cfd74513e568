"""Somebody of the staff, signed in."""

import pytest
from django.test import Client

from sms_accounts.models import User
from tests.factories import make_user


@pytest.fixture
def staff() -> User:
    return make_user("staff@example.com", staff=True)


@pytest.fixture
def browser(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client
