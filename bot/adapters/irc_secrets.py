"""The passwords of one IRC network, read again before each connection, and while one of them is not taken."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from bot.errors import ConfigError

Passwords = tuple[str, str]  # the network's, and our account's
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IrcSecrets:
    """What one network must not see in a log."""

    password: str = field(default="", repr=False)
    account_password: str = field(default="", repr=False)
    channel_keys: Mapping[str, str] = field(default_factory=dict, repr=False)


class RenewedSecrets:
    """The secrets that count now.

    Arguments:
        read: reads the passwords that are to be used now; None where there are only these.
    """

    def __init__(self, network: str, now: IrcSecrets, read: Callable[[], Passwords] | None) -> None:
        self._network = network
        self._read = read
        self._told = ""
        self.now = now

    async def again(self) -> bool:
        """Read them; tell whether they are others than before. What cannot be read stays, and that is told once."""
        if self._read is None:
            return False
        before = self.now
        try:
            password, account_password = await asyncio.to_thread(self._read)
        except ConfigError as error:
            if str(error) != self._told:
                log.error("%s: the former passwords stay: %s", self._network, error)
            self._told = str(error)
            return False
        self._told = ""
        self.now = replace(before, password=password, account_password=account_password)
        return self.now != before
