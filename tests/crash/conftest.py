"""What lives on while processes of the program die: carrier, receiver, mail server."""

import os

import pytest
from django.db import connection

from tests.crash.child import Lives
from tests.crash.mails import mail_server
from tests.receiver import Receiver
from tests.simulator_rig import SECRET, SimulatorRig


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """The simulated carrier; what it reports waits until a life of the program takes it."""
    rig = SimulatorRig(tmp_path_factory.mktemp("carrier"))
    yield rig
    rig.close()


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def mail():
    with mail_server() as mails:
        yield mails


@pytest.fixture(scope="module")
def lives(rig, mail, tmp_path_factory, django_db_setup):
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PANEL_")}
    environment = ours | {
        "PANEL_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "PANEL_SIMULATOR_URL": rig.url,
        "PANEL_SIMULATOR_SECRET": SECRET,
        "PANEL_SMTP_URL": f"smtp://127.0.0.1:{mail.port}",
        "PANEL_LOG_LEVEL": "ERROR",
        "CALLBACK_TRUSTED_NETWORKS": "127.0.0.0/8",
    }
    with Lives(str(connection.settings_dict["NAME"]), environment) as lives:
        yield lives
