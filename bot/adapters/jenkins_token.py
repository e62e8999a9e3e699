"""The token that one Jenkins knows us by, read again once it is not taken any more."""

import asyncio
import hmac
import logging
from base64 import b64encode
from collections.abc import Callable, Mapping

from bot.errors import ConfigError

log = logging.getLogger(__name__)


class JenkinsToken:
    """Who we say that we are.

    Arguments:
        user: empty to ask as anybody.
        value: the token or password that counts now.
        read: reads the one that is to be used now; None where there is only this one.
    """

    def __init__(self, peer: str, user: str, value: str, read: Callable[[], str] | None) -> None:
        self._peer = peer
        self._user = user
        self._read = read if user else None
        self._reading = asyncio.Lock()
        self._told = ""
        self.value = value

    @property
    def headers(self) -> Mapping[str, str]:
        """Tell what a request says of us."""
        return {"Authorization": basic(f"{self._user}:{self.value}")} if self._user else {}

    async def is_renewed(self, refused: str) -> bool:
        """Read it again, as this one was refused; tell whether there is another one to try, once."""
        async with self._reading:
            if self._read is None or self.value != refused:  # another request was faster
                return self.value != refused
            try:
                token = await asyncio.to_thread(self._read)
            except ConfigError as error:
                if str(error) != self._told:
                    log.error("the token of %s: %s", self._peer, error)
                self._told = str(error)
                return False
            self._told = ""
            if hmac.compare_digest(token.encode(), refused.encode()):
                return False
            self.value = token
            log.info("%s refused our token, and there is another one, which counts from now on", self._peer)
            return True


def basic(login: str) -> str:
    """Write a login, "user:password", as HTTP does."""
    return f"Basic {b64encode(login.encode()).decode()}"
