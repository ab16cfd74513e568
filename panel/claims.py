"""Claims what one `serve` must have for itself: folders, ports and secrets."""

import fcntl
import os
import secrets
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOOPBACK = "127.0.0.1"


class Refused(Exception):
    """Something needed is not to be had; the text says what, and what to do."""


@contextmanager
def data_folder(folder: Path) -> Iterator[None]:
    """Hold the data folder; the lock falls with the process, however that ends."""
    handle = os.open(folder / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 20).decode().strip() or "just starting"
            raise Refused(
                f"`serve` already runs on {folder} (process {holder}). Stop it first, or name "
                "another folder with --data."
            ) from None
        os.truncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


def address(host: str, port: int) -> tuple[str, int]:
    """Return the numeric address to listen on, after a look that nobody else does.

    Port 0 becomes any free one.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise Refused(f"--host: there is no address for '{host}'.") from None
    # Names such as localhost have several; the older family is the one that everybody reaches.
    family, *_, place = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    try:
        return str(place[0]), _bound_port(family, str(place[0]), port)
    except OSError as refused:
        raise Refused(
            f"Port {port} of {host} cannot be had: {os.strerror(refused.errno or 0).lower()}. "
            "Choose another one with --port."
        ) from None


def kept_port(file: Path) -> int:
    """Return a free port of this machine: the one in the file while nobody else has it."""
    with suppress(OSError, ValueError, OverflowError):
        return _bound_port(socket.AF_INET, LOOPBACK, int(file.read_text()))
    port = _bound_port(socket.AF_INET, LOOPBACK, 0)
    file.write_text(f"{port}\n")
    return port


def kept_secret(file: Path) -> str:
    """Return the secret in the file, which only its owner may read; make it the first time.

    Two processes that make it at once agree on one, and a crash never leaves half a secret.
    """
    if not file.exists():
        partial = file.with_name(f"{file.name}.{os.getpid()}")
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(handle, secrets.token_urlsafe(48).encode())
        os.close(handle)
        with suppress(FileExistsError):
            os.link(partial, file)
        partial.unlink()
    return file.read_text()


def private_folder(folder: Path) -> None:
    """Make a folder that nobody else may enter, in a place where everybody may make one."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Refused(
            f"{folder} is there already, and is not a folder that only this user may enter. "
            "Remove it, then start again."
        )


def _bound_port(family: int, host: str, port: int) -> int:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections of a former run that linger must not look like somebody listening.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])
