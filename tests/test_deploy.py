"""What `deploy/` starts is what `serve` starts."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
import yaml
from django.conf import settings

from panel import children
from panel.children import ROOT, Place

DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
# What differs between places: where something listens or is kept, how many there are, their names.
OF_A_PLACE = {"--host", "--port", "--workers", "--hostname", "--queues", "--schedule"}
# How long `serve` itself has for a stop.
OF_SERVE = {"--workers-kill-timeout"}


@dataclass(frozen=True)
class Process:
    """A program with its arguments, and what stands in its environment."""

    command: Sequence[str]
    environment: Mapping[str, str]

    @property
    def queues(self) -> str:
        return self.command[self.command.index("--queues") + 1]

    @property
    def essence(self) -> list[str]:
        """The command from `-m` on, sorted, without what differs between places."""
        words = list(self.command[self.command.index("-m") :])
        for option in (OF_A_PLACE | OF_SERVE) & set(words):
            at = words.index(option)
            del words[at : at + 2]
        return sorted(words)


@pytest.fixture
def served(tmp_path) -> dict[str, Process]:
    """What `serve` starts, each with what is said to it alone."""
    place = Place(
        host="127.0.0.1",
        port=8000,
        data=tmp_path,
        broker_socket=tmp_path / "broker.sock",
        carrier_url="http://127.0.0.1:8001",
        carrier_secret="between panel and carrier",
    )
    said_to_all = children.environment(place).items()
    return {
        child.name: Process(child.command, dict(child.environment.items() - said_to_all))
        for child in (children.web(place), *children.workers(place))
    }


def unit(name: str) -> Process:
    """Read a unit of systemd."""
    lines = (UNITS / f"sms-panel-{name}.service").read_text().splitlines()
    told = [line.partition("=")[::2] for line in lines if not line.startswith("#")]
    command = next(value for key, value in told if key == "ExecStart")
    given = [word for key, value in told if key == "Environment" for word in value.split()]
    return Process(command.split(), dict(word.split("=", 1) for word in given))


def services() -> dict[str, Process]:
    """Read the services of `compose.yaml` that run an image of ours, with what the image says."""
    image = (DEPLOY / "Containerfile").read_text().replace("\\\n", "")
    command = re.search(r"^CMD (.+)$", image, re.MULTILINE)
    given = re.search(r"^ENV (.+)$", image, re.MULTILINE)
    assert command
    assert given
    environment = dict(word.split("=", 1) for word in given[1].split())
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return {
        name: Process(
            service.get("command", json.loads(command[1])),
            {**environment, **service["environment"]},
        )
        for name, service in composed.items()
        if service.get("image") == "sms-panel"
    }


@pytest.mark.parametrize(
    ("name", "deployed"),
    [
        ("web", unit("web")),
        ("web", services()["web"]),
        ("worker", unit("worker@")),
        ("worker", services()["worker"]),
        ("incoming", services()["incoming"]),
        ("callbacks", services()["callbacks"]),
        ("beat", unit("beat")),
        ("beat", services()["beat"]),
    ],
)
def test_a_process_is_started_as_serve_starts_it(name, deployed, served):
    assert deployed.essence == served[name].essence
    assert served[name].environment.items() <= deployed.environment.items()


def test_every_queue_has_a_worker():
    used = {
        settings.CELERY_TASK_DEFAULT_QUEUE,
        *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values()),
    }
    served = [process.queues for process in services().values() if "--queues" in process.command]
    first_line = (UNITS / "sms-panel-worker@.service").read_text().splitlines()[0]

    assert set(",".join(served).split(",")) == used
    assert set(re.findall(r"@(\w+)", first_line)) == used


@pytest.mark.parametrize("name", ["worker", "incoming", "callbacks"])
def test_the_many_threads_of_a_worker_keep_no_memory_for_themselves(name, served):
    assert served[name].environment == {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
