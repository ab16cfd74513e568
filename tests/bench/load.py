"""Sends the same requests over and over through many connections, and counts what came back.

A process of its own, which does as little as it can: what it uses of the processors is missing on
the side of the server. The requests are made before the first is sent, each connection has one
under way at a time, and the answers are read to their end and kept.
"""

import json
import random
import select
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Told:
    """What came back in the time that counted: answers by their first line, and each one's time."""

    seconds: float
    first_lines: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)


@dataclass
class _Connection:
    socket: socket.socket
    sent_at: float = 0.0
    received: bytes = b""


def load(
    place: tuple[str, int], requests: list[bytes], *, connections: int, warm_up: float, last: float
) -> Told:
    """Keep each connection busy for a while; count from the end of the warm-up."""
    poll = select.epoll()
    opened: dict[int, _Connection] = {}
    for _ in range(connections):
        one = socket.create_connection(place, timeout=60)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened[one.fileno()] = _Connection(one)
        poll.register(one.fileno(), select.EPOLLIN)
    pick = random.Random(1).choice  # noqa: S311
    began = time.perf_counter()
    counted_from, until = began + warm_up, began + warm_up + last
    told = Told(seconds=last)
    for connection in opened.values():
        _send(connection, pick(requests))
    under_way = len(opened)
    while under_way:
        for number, _event in poll.poll():
            connection = opened[number]
            connection.received += connection.socket.recv(65536)
            body = _whole_body(connection.received)
            if body is None:
                continue
            connection.received = b""
            now = time.perf_counter()
            lines = body.decode().split("\n")
            if lines[0] == "OK":
                told.accepted += lines[2:]
            if counted_from <= now < until:
                told.times.append(now - connection.sent_at)
                told.first_lines[lines[0] if lines[0] != "KO" else "KO " + lines[1]] += 1
            if now < until:
                _send(connection, pick(requests))
            else:
                under_way -= 1
    for connection in opened.values():
        connection.socket.close()
    return told


def _send(connection: _Connection, request: bytes) -> None:
    connection.sent_at = time.perf_counter()
    connection.socket.sendall(request)


def _whole_body(received: bytes) -> bytes | None:
    head, ended, body = received.partition(b"\r\n\r\n")
    if not ended:
        if not received:
            raise ConnectionError("the server closed the connection")
        return None
    begin = head.lower().index(b"content-length:") + 15
    length = int(head[begin : head.find(b"\r", begin) if b"\r" in head[begin:] else None])
    return body if len(body) >= length else None


def main() -> None:
    """Read a job as JSON from a file, and print what came of it as JSON."""
    job = json.loads(Path(sys.argv[1]).read_text())
    told = load(
        (job["host"], job["port"]),
        [request.encode() for request in job["requests"]],
        connections=job["connections"],
        warm_up=job["warm_up"],
        last=job["last"],
    )
    json.dump(
        {
            "seconds": told.seconds,
            "first_lines": told.first_lines,
            "times": sorted(told.times),
            "accepted": told.accepted,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
