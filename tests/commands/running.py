"""Runs an operator's command, and reads its one line or its one sentence."""

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

NAME = "sms-ab12345-2"
OWNER = "alice@example.com"


def run(command: str, *arguments: str) -> dict[str, object]:
    """Run a command as an operator would; return its answer, the one line that it prints."""
    printed = io.StringIO()
    call_command(command, *arguments, stdout=printed)
    (line,) = printed.getvalue().splitlines()
    answered = json.loads(line)
    assert isinstance(answered, dict)
    return answered


def refused(command: str, *arguments: str) -> str:
    """Run a command that must fail; return its sentence."""
    printed = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command(command, *arguments, stdout=printed)
    assert printed.getvalue() == ""
    return str(error.value)
