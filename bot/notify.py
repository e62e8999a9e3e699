"""What systemd is told of how Gordon does, as sd_notify(3) has it; quiet where nobody wants to hear."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.secret import redact

MAX_STATUS_CHARS = 300  # what `systemctl status` shows in one line
LOOKED_AGAIN_S = 0.5  # whether what was blocked goes on: the word is late already
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Whoever started Gordon and wants to hear of it.

    Arguments:
        address: where it listens: a path, or a name that begins with @; "" for nobody.
        word_every_s: how often it must hear that Gordon is alive; 0 if it does not mind.
    """

    address: str = ""
    word_every_s: float = 0.0

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Supervisor":
        """Read what it has set in the environment; its watchdog is meant for one process only."""
        limit, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        is_ours = limit.isascii() and limit.isdigit() and pid in {"", str(os.getpid())}
        return cls(environment.get("NOTIFY_SOCKET", ""), int(limit) / 2e6 if is_ours else 0.0)

    def ready(self, status: str) -> None:
        """Say that all is under way, at the start or again after a reload."""
        self._tell("READY=1", f"STATUS={_one_line(status)}")

    def reloading(self) -> None:
        """Say that the configuration is read again; `ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._tell("STOPPING=1", "STATUS=stopping")

    async def keep_word(self, is_alive: Callable[[], bool]) -> None:
        """Say as long as it is true that Gordon is alive; that this loop turns is shown by the word itself."""
        while True:
            if is_well := is_alive():
                self._tell("WATCHDOG=1")
            await asyncio.sleep(self.word_every_s if is_well else min(self.word_every_s, LOOKED_AGAIN_S))

    def _tell(self, *lines: str) -> None:
        if not self.address:
            return
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as own:
            own.setblocking(False)  # who does not read must not hold up the loop
            try:
                own.sendto("\n".join(lines).encode(), address)
            except OSError as error:
                log.warning("systemd was not told %s: %s", lines[0], error.strerror or error)


def _one_line(text: str) -> str:
    return " ".join(redact(text).split())[:MAX_STATUS_CHARS]
