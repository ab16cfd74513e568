#!/usr/bin/env python3
"""The only door: brings the program into its environment, then runs the command it was given.

This file alone is read by a Python that may be too old, or by none that we support: it
keeps to a syntax that any Python 3.6 understands.
"""

import os
import runpy
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - the check is for those who do not have it
    sys.exit(
        "sms-panel needs Python 3.11 or newer; this is %s. Install a newer one "  # noqa: UP031
        "(on Debian and Ubuntu: apt install python3 python3-venv) and run the command with it."
        % sys.version.split()[0]
    )
if os.name != "posix":
    sys.exit("sms-panel runs on Linux and macOS; on Windows, run it inside WSL.")

if __name__ == "__main__":
    # By its path: importing the package `panel` would need what bootstrap is about to install.
    bootstrap = Path(__file__).resolve().parent / "panel" / "bootstrap.py"
    runpy.run_path(str(bootstrap))["enter"](sys.argv)

    from django.core.management import execute_from_command_line

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)
