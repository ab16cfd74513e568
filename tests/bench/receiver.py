"""Receives callbacks and answers each at once, a process that does as little as it can.

It prints its port, and ends when its standard input does.
"""

import select
import socket
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


def serve(listener: socket.socket) -> None:
    """Answer each request that has no body, and hang up where that was asked for."""
    poll = select.epoll()
    opened: dict[int, socket.socket] = {}
    received: dict[int, bytes] = {}
    poll.register(listener.fileno(), select.EPOLLIN)
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    while True:
        for number, _event in poll.poll():
            if number == sys.stdin.fileno():
                return
            if number == listener.fileno():
                connection, _address = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                opened[connection.fileno()] = connection
                received[connection.fileno()] = b""
                poll.register(connection.fileno(), select.EPOLLIN)
                continue
            connection = opened[number]
            try:
                heard = connection.recv(65536)
            except ConnectionResetError:
                heard = b""
            received[number] += heard
            if received[number].endswith(b"\r\n\r\n"):
                connection.sendall(ANSWER)
                if b"connection: close" not in received[number].lower():
                    received[number] = b""
                    continue
                heard = b""
            if not heard:
                poll.unregister(number)
                opened.pop(number).close()
                received.pop(number)


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        print(listener.getsockname()[1], flush=True)
        serve(listener)
