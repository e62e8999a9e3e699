"""Somebody on IRC with a bare socket and a stopwatch."""

import contextlib
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bot.demo.world import CHANNEL


class Talker:
    """A person in the channel; blocking, so that nothing but the socket is measured."""

    def __init__(self, port: int, nick: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._heard: deque[bytes] = deque()
        self._send(f"NICK {nick}")
        self._send(f"USER {nick} 0 * :{nick}")
        self.wait(lambda line: b" 001 " in line)
        self._send(f"JOIN {CHANNEL}")
        self.wait(lambda line: b" 366 " in line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def type(self, text: str) -> None:
        """Give a command."""
        self._send(f"PRIVMSG {CHANNEL} :!{text}")

    def wait(self, wanted: Callable[[bytes], bool], within_s: float = 30.0) -> bytes:
        """Return the first line that is wanted.

        Raises:
            TimeoutError: it did not come.
        """
        end_s = time.monotonic() + within_s
        while (left_s := end_s - time.monotonic()) > 0:
            if not self._heard:
                self._hear(left_s)
            while self._heard:
                if wanted(line := self._heard.popleft()):
                    return line
        raise TimeoutError("no such line came")

    def hears(self, said: str, within_s: float = 30.0) -> bytes:
        """Wait for a line of the bot's that has these words."""
        return self.wait(lambda line: line.startswith(b":gordon") and said.encode() in line, within_s)

    def sees_bot_join(self) -> None:
        """Wait until the bot is in the channel."""
        self.wait(lambda line: line.startswith(b":gordon") and b" JOIN " in line, 15.0)

    def answer_ms(self, command: str, answer: str) -> float:
        """Tell how long a command's answer took."""
        begun_s = time.perf_counter()
        self.type(command)
        self.hears(answer)
        return (time.perf_counter() - begun_s) * 1e3

    def first_answer(self, command: str, answer: str) -> None:
        """Ask until there is an answer: some bots are in the channel before they listen."""
        for _ in range(60):
            self.type(command)
            with contextlib.suppress(TimeoutError):
                self.hears(answer, 1.0)
                return
        raise TimeoutError("the bot never answered")

    def _send(self, line: str) -> None:
        self._socket.sendall(line.encode() + b"\r\n")

    def _hear(self, within_s: float) -> None:
        if not select.select([self._socket], [], [], within_s)[0]:
            return
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the network hung up")
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"PING"):
                self._send("PONG" + line[4:].decode().rstrip())
        self._heard.extend(lines)
