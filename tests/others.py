"""Programs of others that tests compare with or talk to: where they are, or why there are none."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

TESTS = Path(__file__).resolve().parent
# Where `.ci/run others` puts what no lock of ours can hold.
FOLDER = TESTS.parent / ".others"
NODE_MODULES = TESTS / "npm" / "node_modules"


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it where the installation promised that everything is there."""
    reason = f"{what} `bash .ci/run packages environment others` installs it."
    if os.environ.get("PANEL_TEST_OTHERS") == "required":
        pytest.fail(reason)
    # A person who has not installed them is told how; CI lets no test be left out here.
    pytest.skip(reason)


def program(name: str) -> str:
    """Return the path of an installed program."""
    # Daemons are not on the PATH of everybody.
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    return shutil.which(name, path=path) or missing(f"There is no program {name}.")


def php() -> str:
    """Return the path of PHP, once it has SQLite."""
    found = program("php")
    modules = subprocess.run([found, "-m"], capture_output=True, text=True, check=True).stdout
    if "sqlite3" not in modules.split():
        missing("PHP has no SQLite.")
    return found


def node() -> str:
    """Return the path of Node.js, once the packages of tests/npm are installed for it."""
    found = program("node")
    if not NODE_MODULES.is_dir():
        missing("The packages of tests/npm are not installed.")
    return found
