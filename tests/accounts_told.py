"""One IRC connection as the accounts on it see it: what the server tells, as steps, and what it is asked."""

import asyncio
from collections.abc import Callable, Sequence

from bot.adapters.irc_accounts import Accounts, Proofs
from bot.adapters.irc_wire import casemap
from bot.values import Speaker
from tests.moved_clock import still

TAGS = Proofs(account_tag=True, account_notify=True, extended_join=True, whox=True)
FOLLOWS = Proofs(account_notify=True, extended_join=True, whox=True)
NOTIFIES = Proofs(account_notify=True, whox=True)
NOTHING = Proofs()

HOME, AWAY = "alice@home", "thief@away"
Step = tuple[str, ...] | tuple[str, str, str, str, None]

ALICE_JOINS: Step = ("joined", "alice", HOME, "#dev", "alice")
STRANGER_JOINS: Step = ("joined", "alice", AWAY, "#dev", "*")
WE_JOIN: Step = ("we_joined", "#dev")
WHOX: Step = ("who_reply", "alice", HOME, "#dev", "alice")

NONE = ("", "")
ACCOUNT = ("330", "alice")
WHOIS = ("alice", "WHOIS")


class Connection:
    """Accounts on one connection, and what was asked of the server."""

    def __init__(self, proofs: Proofs = NOTHING, fold: Callable[[str], str] = casemap, network: str = "libera") -> None:
        self.asked: list[str] = []
        self.clock = still()
        self.accounts = Accounts(network, self.clock, fold, self.asked.append)
        self.accounts.proofs = proofs

    def told(self, steps: Sequence[Step]) -> None:
        """Tell what the server says, each as the method that it comes to and its arguments."""
        for method, *given in steps:
            getattr(self.accounts, method)(*given)

    def answer(self, nick: str, mask: str, *lines: tuple[str, str], end: bool = True) -> None:
        """Answer a WHOIS: 311, the given numerics with what follows the nick, and 318."""
        user, _, host = mask.partition("@")
        if mask:
            self.accounts.whois("311", [nick, user, host, "*", "real name"])
        for numeric, word in lines:
            self.accounts.whois(numeric, [nick, word, "is logged in as"])
        if end:
            self.accounts.whois("318", [nick, "End of /WHOIS list."])


async def settled() -> None:
    """Let tasks that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def proven(speaker: Speaker | None) -> tuple[str, str] | None:
    return None if speaker is None else (speaker.account, speaker.evidence)
