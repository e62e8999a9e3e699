"""A log behind an address, for whoever reads it without an event loop."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

from bot.adapters.log_fetch import Login, RemoteLog, open_log
from bot.adapters.log_wire import read_address
from bot.errors import ConfigError
from bot.secret import read_secret

USER, TOKEN, HOME = "GORDON_JENKINS_USER", "GORDON_JENKINS_TOKEN", "GORDON_JENKINS_URL"


class OpenedLog:
    """A log that can be read, once."""

    def __init__(self, log: RemoteLog, runner: asyncio.Runner) -> None:
        self._log = log
        self._runner = runner
        self._held = b""

    @property
    def result(self) -> str:
        """What Jenkins says that the build came to; empty where nobody knows."""
        return self._log.facts.result if self._log.facts else ""

    @property
    def why_partial(self) -> str:
        """Why it is not the whole log, as far as it was read; empty if it is."""
        if self._log.facts and self._log.facts.is_building:
            return "the build goes on"
        return self._log.why_cut

    def read(self, wanted: int) -> bytes:
        """Read at most so many bytes; none at the end."""
        if not self._held:
            self._held = self._runner.run(self._next())
        given, self._held = self._held[:wanted], self._held[wanted:]
        return given

    async def _next(self) -> bytes:
        return await anext(self._log.chunks, b"")


@contextmanager
def opened_address(address: str) -> Iterator[OpenedLog]:
    """Open the log behind an address.

    Raises:
        GordonError: it cannot be read, and what to do.
    """
    target, login = read_address(address), read_login()
    with asyncio.Runner() as runner:
        opening = open_log(target, login)
        log = runner.run(_entered(opening))
        try:
            yield OpenedLog(log, runner)
        finally:
            runner.run(_left(opening))


async def _entered(opening: AbstractAsyncContextManager[RemoteLog]) -> RemoteLog:
    return await opening.__aenter__()


async def _left(opening: AbstractAsyncContextManager[RemoteLog]) -> None:
    await opening.__aexit__(None, None, None)


def read_login() -> Login:
    """Read from the environment who we are at Jenkins.

    Raises:
        ConfigError: there is a user without a token, or the other way round.
    """
    netrc_file = Path(os.environ["NETRC"]) if os.environ.get("NETRC") else _own_netrc()
    user = os.environ.get(USER, "").strip()
    if not user and not os.environ.get(TOKEN):
        return Login(netrc_file=netrc_file)
    if not user or not user.isprintable():
        raise ConfigError((f"{TOKEN} is set, and {USER}, whose it is, is not",))
    return Login(user, read_secret(USER, None, TOKEN), os.environ.get(HOME, "").strip(), netrc_file)


def _own_netrc() -> Path | None:
    try:
        return Path.home() / ".netrc"
    except RuntimeError:  # a user that only a number names has no home
        return None
