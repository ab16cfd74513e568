"""What `serve` looks after while it runs: the carriers that staff switch on."""

from pathlib import Path

import pytest
from django.db import DatabaseError

from panel import children
from sms_accounts.management.commands import serve
from sms_accounts.models import SmppCarrier
from tests.factories import make_smpp_carrier

PLACE = children.Place(
    host="127.0.0.1",
    port=1,
    data=Path("/"),
    broker_socket=Path("/"),
    carrier_url="",
    carrier_secret="",
)


class Started:
    """A supervisor that starts nothing and remembers what it was told to."""

    def __init__(self):
        self.names: list[str] = []

    def call(self, function):
        return function()

    def start(self, child):
        self.names.append(child)


@pytest.fixture
def started(monkeypatch):
    monkeypatch.setattr(children, "smpp", lambda place, name: name)
    # The connection is that of the test.
    monkeypatch.setattr(serve, "_leave_database", lambda: None)
    return Started()


@pytest.mark.django_db
class TestBinds:
    def test_are_started_once_for_each_carrier_that_is_switched_on(self, started):
        make_smpp_carrier(name="acme")
        make_smpp_carrier(name="other", enabled=False)
        binds = serve._Binds(started, PLACE)

        binds.start_new()
        assert started.names == ["acme"]

        SmppCarrier.objects.update(is_enabled=True)
        binds.start_new()
        binds.start_new()
        assert started.names == ["acme", "other"]

    def test_wait_while_the_database_is_away(self, started, monkeypatch):
        make_smpp_carrier()
        binds = serve._Binds(started, PLACE)
        with monkeypatch.context() as away:
            away.setattr(SmppCarrier.objects, "filter", _raise)
            binds.start_new()
        assert started.names == []

        binds.start_new()
        assert started.names == ["acme"]


def _raise(**_given):
    raise DatabaseError
