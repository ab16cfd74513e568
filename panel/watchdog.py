"""Ends the processes of a supervisor that was killed; started and fed by that supervisor alone.

Standard input has a line `+PID` for each process group that was started and `-PID` for each
that has ended. It closes when the supervisor is gone, however that went, and then whatever
is left goes too: also processes that the children started themselves, which the kernel's
own signal at a parent's death does not reach.
"""

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress


def left_over(lines: Iterable[str]) -> set[int]:
    """Return the process groups that were started and have not ended, after the last line."""
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    return groups


if __name__ == "__main__":
    for group in left_over(sys.stdin):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
