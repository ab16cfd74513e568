"""Makes `.venv` from the lock files and goes on inside it; standard library only."""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
LOCK = "requirements.lock"
LOCK_OF_TOOLS = "requirements-dev.lock"

# Commands that cannot work without the tools of development.
NEEDS_TOOLS = {"test"}

# Files in the environment: what is installed in it, and that an installation has begun.
STAMP = "sms-panel.json"
BEGUN = "sms-panel-installing"

LINES_OF_OUTPUT_SHOWN = 6


class CannotInstall(Exception):
    """The environment could not be made; the text says why, and what to do."""


def enter(argv: Sequence[str]) -> None:
    """Return once this process is Python inside the environment; become it where it is not.

    For the command `test`, become pytest and never return. With PANEL_BOOTSTRAP=0 the
    Python that was called is taken as it is.
    """
    command = argv[1] if len(argv) > 1 else ""
    if command == "serve":
        _announce_data_folder(argv)
    if _is_switched_off():
        _require_django()
        other_python = None
    else:
        other_python = _set_up(_folder(), locks_for(command))
    if command == "test":
        os.chdir(ROOT)
        _become(other_python or Path(sys.executable), "-m", "pytest", *argv[2:])
    if other_python:
        _become(other_python, *argv)


def data_folder(argv: Sequence[str]) -> str | None:
    """Return what the option `--data` of a command line says, absolute; None without it."""
    for position, argument in enumerate(argv):
        if argument.startswith("--data="):
            return _absolute(argument.removeprefix("--data="))
        if argument == "--data" and position + 1 < len(argv):
            return _absolute(argv[position + 1])
    return None


def locks_for(command: str) -> list[str]:
    """Return the lock files, all of which a command needs installed."""
    return [LOCK, LOCK_OF_TOOLS] if command in NEEDS_TOOLS else [LOCK]


def fingerprint(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def is_fresh(stamp: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Return whether a stamp says that all wanted locks are installed as they are now."""
    return wanted.items() <= stamp.items()


def last_words(output: str) -> str:
    """Return the end of an installer's output, indented, to be shown under a sentence."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-LINES_OF_OUTPUT_SHOWN:])


def _absolute(folder: str) -> str | None:
    # An empty name is left to the command to refuse: made absolute, it would be this folder.
    return str(Path(folder).absolute()) if folder else None


def _is_switched_off() -> bool:
    setting = os.environ.get("PANEL_BOOTSTRAP", "")
    if setting not in ("", "0", "1"):
        sys.exit(f"PANEL_BOOTSTRAP is '{setting}'; it may be 0 (take this Python as it is) or 1.")
    return setting == "0"


def _require_django() -> None:
    if importlib.util.find_spec("django") is None:
        sys.exit(
            f"PANEL_BOOTSTRAP=0 takes {sys.executable} as it is, and that has no Django. "
            f"Install {LOCK} into it, or leave PANEL_BOOTSTRAP out."
        )


def _announce_data_folder(argv: Sequence[str]) -> None:
    # Settings are read before any command sees its options.
    if folder := data_folder(argv):
        os.environ["PANEL_DATA_DIR"] = folder


def _folder() -> Path:
    return Path(os.environ.get("PANEL_VENV") or ROOT / ".venv").absolute()


def _runs_inside(folder: Path) -> bool:
    return Path(sys.prefix).resolve() == folder.resolve()


def _become(python: Path, *arguments: str) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(python, [str(python), *arguments])  # noqa: S606 - a shell would only be in the way


def _set_up(folder: Path, locks: Sequence[str]) -> Path | None:
    """Make the environment what it should be; return its Python, or None if this is it."""
    python = folder / "bin" / "python"
    if _runs_inside(folder) and _is_ready(folder, locks):
        return None
    if not _runs_inside(folder) and Path(sys.executable) == python:
        # Otherwise this process would become itself for ever.
        sys.exit(f"{python} does not start in its own environment. Is PYTHONHOME set?")
    try:
        if not _is_ready(folder, locks):
            _install_alone(folder, locks)
    except KeyboardInterrupt:
        _say("Interrupted. The next start sets it up anew.")
        sys.exit(130)
    except CannotInstall as refused:
        sys.exit(str(refused))
    except OSError as refused:
        sys.exit(f"{folder} could not be set up: {refused}")
    return python


def _is_ready(folder: Path, locks: Sequence[str]) -> bool:
    return _is_whole(folder) and is_fresh(_stamp(folder), _wanted(locks))


def _is_whole(folder: Path) -> bool:
    """Return whether the folder holds an environment whose Python can be started."""
    return (
        (folder / "pyvenv.cfg").is_file()
        and os.access(folder / "bin" / "python", os.X_OK)
        and not (folder / BEGUN).exists()
        and not (_runs_inside(folder) and not _has_packages_of_this_python(folder))
    )


def _has_packages_of_this_python(folder: Path) -> bool:
    # A system upgrade moves the Python behind the link, and leaves the packages behind.
    return (folder / "lib" / f"python{_version()}").is_dir()


def _version() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _stamp(folder: Path) -> dict[str, str]:
    try:
        stamp = json.loads((folder / STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _wanted(locks: Sequence[str]) -> dict[str, str]:
    return {lock: fingerprint(ROOT / lock) for lock in locks}


def _install_alone(folder: Path, locks: Sequence[str]) -> None:
    with _turn_of(folder):
        # Whoever had the turn before may just have done it.
        if not _is_ready(folder, locks):
            _install(folder, locks)


@contextmanager
def _turn_of(folder: Path) -> Iterator[None]:
    """Hold the folder that the environment stands in, so that one start at a time installs.

    A lock file inside the environment would be lost when that is made anew, so the lock is
    on the folder above. Installers inherit it: one whose start was killed still holds it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder.parent, os.O_RDONLY)
    os.set_inheritable(handle, True)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"Another start is setting up {folder.name}; waiting for it …")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _install(folder: Path, locks: Sequence[str]) -> None:
    wanted = _wanted(locks)
    if _is_whole(folder):
        _say(f"Bringing {folder.name} up to date …")
    else:
        _make(folder)
    (folder / BEGUN).touch()
    (folder / STAMP).unlink(missing_ok=True)
    _install_locks(folder / "bin" / "python", locks)
    (folder / STAMP).write_text(json.dumps(wanted, indent=1) + "\n")
    (folder / BEGUN).unlink()


def _make(folder: Path) -> None:
    # Seen from inside, the Python of the environment is the one being replaced.
    python = getattr(sys, "_base_executable", "") or sys.executable
    if any(importlib.util.find_spec(module) is None for module in ("venv", "ensurepip")):
        raise CannotInstall(
            f"{python} has no module to make environments with. Install it (on Debian and "
            f"Ubuntu: apt install python{_version()}-venv), then run the command again."
        )
    _empty(folder)
    _say(f"Setting up {folder.name} (once, about a minute) …")
    done = _run([python, "-m", "venv", str(folder)])
    if done.returncode:
        raise CannotInstall(f"{folder} could not be made:\n{last_words(done.stdout)}")


def _empty(folder: Path) -> None:
    """Leave nothing in the folder but the mark that says that it is ours to empty."""
    folder.mkdir(exist_ok=True)
    found = list(folder.iterdir())
    if found and not any(path.name in ("pyvenv.cfg", BEGUN) for path in found):
        raise CannotInstall(
            f"{folder} holds files that are no environment. Empty it, or name another folder "
            "in PANEL_VENV."
        )
    (folder / BEGUN).touch()
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != BEGUN:
            path.unlink()


def _install_locks(python: Path, locks: Sequence[str]) -> None:
    chosen = [argument for lock in locks for argument in ("-r", str(ROOT / lock))]
    uv = shutil.which("uv")
    if uv:
        # Compiled now, once: otherwise each process does it again where Python may not write.
        command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
        if not _run([*command, "--require-hashes", *chosen]).returncode:
            return
    # Also where uv is broken, or does not know of an index that pip was told of.
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--require-hashes"]
    done = _run([*command, *chosen])
    if done.returncode:
        raise CannotInstall(
            f"The packages of {' and '.join(locks)} could not be installed; is the network "
            f"there? pip says:\n{last_words(done.stdout)}"
        )


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        close_fds=False,
    )


def _say(line: str) -> None:
    # Standard output belongs to the command, which may print JSON on it.
    print(line, file=sys.stderr, flush=True)
