"""Who is logged in as whom on one IRC connection, as far as the network has told us on this very connection.

Where lines bear an account tag, the tag is all that counts. Elsewhere people who share a channel with us are followed,
from what their JOIN or WHOX said and by each ACCOUNT line since; everybody else is asked for by WHOIS. A nick alone
proves nothing: services give its owner half a minute to take it back, and until then it is anybody's.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.adapters import irc_wire as wire
from bot.clock import Clock
from bot.errors import Unavailable
from bot.values import Speaker

ANSWER_WITHIN_S = 5.0
KEEP_S = 10.0  # an account holds for the next lines of somebody who goes on talking
MAX_LOOKUPS = 100
MAX_KEPT = 1000
MAX_FOLLOWED = 20_000  # the largest channels have half as many; whoever is beyond is asked for by WHOIS
NO_ACCOUNT = ("", "*", "0")  # how ACCOUNT, JOIN and WHOX say it

NOT_LOGGED_IN = (
    "you are not logged in to {network}. Log in to your account there (/msg NickServ HELP tells how on most networks), "
    "then ask again"
)
NOBODY_TELLS = (
    "{network} has not told me of anybody that they are logged in. If you have an account there, log in to it and ask "
    "again; where there are no accounts, only what anyone may ask for works"
)
CANNOT_CHECK = "I cannot check right now who you are on {network}. Ask again in a minute"


@dataclass(frozen=True, slots=True)
class Proofs:
    """What of it the server offers and we have agreed on, on this connection.

    Arguments:
        account_tag: each line bears the account of whoever wrote it.
        account_notify: we are told when somebody in our channels logs in or out.
        extended_join: a JOIN bears the account.
        whox: WHO can be asked for accounts.
    """

    account_tag: bool = False
    account_notify: bool = False
    extended_join: bool = False
    whox: bool = False


@dataclass(slots=True)
class _Followed:
    """Somebody who shares channels with us; `account` is None until it is known, "" for none."""

    mask: str = ""
    channels: set[str] = field(default_factory=set)
    account: str | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    """What WHOIS said of somebody; `account` empty for none, and `mask` too if nobody has that nick."""

    mask: str
    account: str
    until_s: float


@dataclass(slots=True, eq=False)
class _LookUp:
    """One WHOIS for everybody who waits for it; its answer is None when nothing can be told.

    Arguments:
        mask: of the one who spoke; None to ask for whoever has the nick now.
        spoiled: the nick may have changed hands since.
    """

    nick: str
    mask: str | None
    answer: asyncio.Future[_Told | None]
    spoiled: bool = False
    seen: str = ""
    account: str = ""
    registered: str = ""


class Accounts:
    """What is known of people's accounts; made anew for each connection.

    Arguments:
        casemap: folds a nick or a channel as this network does.
        ask: takes a line like "WHOIS alice" that goes to the server in its turn, and may never be answered.
    """

    def __init__(self, network: str, clock: Clock, casemap: Callable[[str], str], ask: Callable[[str], None]) -> None:
        self.read_only = ""  # why nobody is believed here now, in words for speakers
        self._network = network
        self._clock = clock
        self._casemap = casemap
        self._ask = ask
        self._proofs = Proofs()
        self._followed: dict[str, _Followed] = {}
        self._channels: set[str] = set()
        self._kept: dict[str, _Told] = {}
        self._lookups: dict[str, deque[_LookUp]] = {}
        self._telling = False  # the server has told somebody's account by some means
        self._over = False

    @property
    def proofs(self) -> Proofs:
        """What the server offers now; when that changes, what rested on it is not known any more."""
        return self._proofs

    @proofs.setter
    def proofs(self, proofs: Proofs) -> None:
        if proofs == self._proofs:
            return
        self._proofs = proofs
        for followed in self._followed.values():
            followed.account = None

    # -- what the server tells --

    def joined(self, nick: str, mask: str, channel: str, account: str | None) -> None:
        """Note a JOIN; `account` is the word of extended-join, None without it."""
        followed = self._followed.get(self._casemap(nick))
        if followed is None or followed.mask not in ("", mask):
            self.gone(nick)  # whoever had this nick, unseen by us, has it no more
        self._note(nick, mask, channel, account if self.proofs.extended_join else None, "account-notify")

    def who_reply(self, nick: str, mask: str, channel: str, account: str) -> None:
        """Note an answer of WHOX that we asked for; it is about a channel where we may not be any more."""
        if self._casemap(channel) in self._channels:
            self._note(nick, mask, channel, account, "WHOX")

    def account_changed(self, nick: str, account: str) -> None:
        """Note an ACCOUNT line: somebody in our channels logged in or out."""
        self._note(nick, "", "", account, "account-notify")

    def left(self, nick: str, channel: str) -> None:
        """Note a PART or KICK of somebody else; without a common channel we are not told what becomes of them."""
        followed = self._followed.get(self._casemap(nick))
        if followed is not None:
            followed.channels.discard(self._casemap(channel))
        if followed is None or not followed.channels:
            self.gone(nick)

    def gone(self, nick: str) -> None:
        """Note a QUIT; in a netsplit there is one for each who is on the other side."""
        name = self._casemap(nick)
        self._followed.pop(name, None)
        self._kept.pop(name, None)
        for lookup in self._lookups.get(name, ()):
            lookup.spoiled = True

    def renamed(self, old: str, new: str) -> None:
        """Note a NICK: services may log people out for it, so both nicks are nobody's until we are told more."""
        followed = self._followed.get(self._casemap(old))
        self.gone(old)
        self.gone(new)
        if followed is not None:
            self._followed[self._casemap(new)] = _Followed(followed.mask, followed.channels)

    def we_joined(self, channel: str) -> None:
        """Note that we are in a channel, and are told who comes and goes there."""
        self._channels.add(self._casemap(channel))

    def we_left(self, channel: str) -> None:
        """Note that we are not in a channel any more, and are not told who comes and goes there."""
        self._channels.discard(self._casemap(channel))
        for name, followed in list(self._followed.items()):
            followed.channels.discard(self._casemap(channel))
            if not followed.channels:
                self.gone(name)

    def whois(self, numeric: str, arguments: Sequence[str]) -> None:
        """Note one line of an answer to WHOIS, `arguments` without our own nick; others' answers are not for us."""
        if numeric == "263" and arguments and arguments[0].upper() == "WHOIS":  # try again later; of whom is not said
            for lookups in list(self._lookups.values()):
                self._close(lookups[0], None)
            return
        name = self._casemap(arguments[0]) if arguments else ""
        if name not in self._lookups:
            return
        lookup = self._lookups[name][0]
        if numeric == "311" and len(arguments) >= 3:
            lookup.seen, lookup.account, lookup.registered = f"{arguments[1]}@{arguments[2]}", "", ""
        elif numeric == "330" and len(arguments) >= 2 and lookup.seen:
            lookup.account = arguments[1]
        elif numeric == "307" and lookup.seen:
            lookup.registered = arguments[0]
        elif numeric == "318":
            self._close(lookup, self._verdict(lookup))

    def ended(self) -> None:
        """Note that the connection is gone: whoever waits for an answer is told that there is none."""
        self._over = True
        while self._lookups:
            self._close(next(iter(self._lookups.values()))[0], None)

    # -- what is asked --

    def who(self, nick: str, mask: str, account_tag: str | None) -> Speaker | None:
        """Tell who speaks, if that is known at once; None: ask by `find_out`.

        Arguments:
            mask: user@host in the line.
            account_tag: the line's tag; it counts only where the server and we have agreed on it.
        """
        if self.read_only:
            return self._speaker(nick, "", "")
        if self.proofs.account_tag:
            return self._speaker(nick, account_tag or "", "account-tag")
        followed = self._followed.get(self._casemap(nick))
        if followed is not None and followed.account is not None and followed.mask in ("", mask):
            return self._speaker(nick, followed.account, followed.evidence)
        kept = self._kept.get(self._casemap(nick))
        if kept is not None and kept.mask == mask and self._clock.monotonic_s() < kept.until_s:
            return self._speaker(nick, kept.account, "WHOIS")
        return None

    def find_out(self, nick: str, mask: str) -> Coroutine[Any, Any, Speaker]:
        """Tell who speaks by asking the server; a look-up that fails is a doubt.

        To be called while the line is being read, so that whatever is read next counts as having come after it; the
        answer may be awaited later.
        """
        lookup = self._look_up(nick, mask)

        async def found() -> Speaker:
            told = await self._answer(lookup)
            if told is None:
                return Speaker(self._network, nick, doubt=CANNOT_CHECK.format(network=self._network))
            return self._speaker(nick, told.account, "WHOIS")

        return found()

    async def is_still(self, nick: str, account: str) -> bool:
        """Tell whether a nick is logged in to an account now.

        Raises:
            Unavailable: that cannot be told now.
        """
        followed = self._followed.get(self._casemap(nick))
        if followed is not None and followed.account is not None:
            return _same(followed.account, account)
        told = await self._answer(self._look_up(nick, None))
        if told is None:
            raise Unavailable(f"IRC {self._network}", f"finding out whether {nick} is still {account}")
        return _same(told.account, account)

    # -- the rest --

    def _speaker(self, nick: str, account: str, evidence: str) -> Speaker:
        if self.read_only:
            return Speaker(self._network, nick, doubt=self.read_only)
        if account not in NO_ACCOUNT:
            return Speaker(self._network, nick, account, evidence)
        proofs = self.proofs
        tells = proofs.account_tag or proofs.account_notify or proofs.extended_join or self._telling
        return Speaker(
            self._network, nick, doubt=(NOT_LOGGED_IN if tells else NOBODY_TELLS).format(network=self._network)
        )

    def _note(self, nick: str, mask: str, channel: str, account: str | None, evidence: str) -> None:
        name = self._casemap(nick)
        if account is not None:
            self._kept.pop(name, None)
            self._telling = self._telling or account not in NO_ACCOUNT
        if name not in self._followed and len(self._followed) >= MAX_FOLLOWED:
            return
        followed = self._followed.setdefault(name, _Followed())
        followed.mask = mask or followed.mask
        if channel:
            followed.channels.add(self._casemap(channel))
        if account is not None and self.proofs.account_notify:  # or nobody would tell us when it is true no more
            followed.account = "" if account in NO_ACCOUNT else account
            followed.evidence = evidence

    def _look_up(self, nick: str, mask: str | None) -> _LookUp | None:
        """Join the WHOIS that will be asked, or that is under way and not answered in part; else queue another."""
        name = self._casemap(nick)
        lookups = self._lookups.get(name)
        if lookups and lookups[-1].mask == mask and not lookups[-1].spoiled and not lookups[-1].seen:
            return lookups[-1]
        waiting = sum(map(len, self._lookups.values()))
        if self._over or waiting >= MAX_LOOKUPS or not wire.is_nick(nick):
            return None
        lookup = _LookUp(nick, mask, asyncio.get_running_loop().create_future())
        self._lookups.setdefault(name, deque()).append(lookup)
        if lookups is None:
            self._ask(f"WHOIS {nick}")
        return lookup

    async def _answer(self, lookup: _LookUp | None) -> _Told | None:
        if lookup is None:
            return None
        limit: asyncio.Future[Any] = asyncio.ensure_future(self._clock.sleep(ANSWER_WITHIN_S))
        try:
            await asyncio.wait({limit, lookup.answer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
        self._close(lookup, None)
        return lookup.answer.result()

    def _verdict(self, lookup: _LookUp) -> _Told | None:
        """Weigh an answer: it counts for the mask that spoke, if nobody else can have had the nick in between."""
        if lookup.spoiled or (lookup.mask is not None and lookup.seen != lookup.mask):
            return None
        account = lookup.account or lookup.registered
        self._telling = self._telling or account not in NO_ACCOUNT
        now_s = self._clock.monotonic_s()
        told = _Told(lookup.seen, account, now_s + KEEP_S)
        self._keep(self._casemap(lookup.nick), told, now_s)
        return told

    def _keep(self, name: str, told: _Told, now_s: float) -> None:
        """Keep an answer: for as long as we follow somebody, else for a while; whoever has none may log in any time."""
        followed = self._followed.get(name)
        if followed is not None and self.proofs.account_notify:
            if followed.account is None:
                followed.mask, followed.account, followed.evidence = told.mask, told.account, "WHOIS"
            return
        if told.account in NO_ACCOUNT:
            return
        if len(self._kept) >= MAX_KEPT:
            self._kept = {name: told for name, told in self._kept.items() if told.until_s > now_s}
        if len(self._kept) < MAX_KEPT:
            self._kept[name] = told

    def _close(self, lookup: _LookUp, told: _Told | None) -> None:
        """End a look-up, unless it has ended, and begin the next one for its nick."""
        if lookup.answer.done():
            return
        lookup.answer.set_result(told)
        name = self._casemap(lookup.nick)
        lookups = self._lookups[name]
        was_first = lookups[0] is lookup
        lookups.remove(lookup)
        if not lookups:
            del self._lookups[name]
        elif was_first and not self._over:
            self._ask(f"WHOIS {lookups[0].nick}")


def _same(account: str, other: str) -> bool:
    """Compare accounts as the people file does: A-Z and a-z are the same, nothing beyond ASCII is like anything."""
    if not account.isascii() or not other.isascii():
        return False
    return account != "" and account.lower() == other.lower()
