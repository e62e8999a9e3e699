"""What `gordon doctor` finds out by joining an IRC network as Gordon does, and leaving it again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.adapters.certificate import certificate_left
from bot.adapters.irc_channels import Channels
from bot.adapters.irc_link import Line
from bot.adapters.irc_login import THE_LOGIN, THE_NICK
from bot.adapters.irc_members import SIGNS
from bot.adapters.irc_session import Session
from bot.chat import Hear, Heard
from bot.findings import About, At, Finding
from bot.settings import IrcSettings

CONNECTED_WITHIN_S = 15.0  # registration takes a second on some networks, ten on one that asks a name server first
SETTLED_S = 1.0  # after that a network has said which channels it does not let us into
LOOKED_S = 0.05
CERTIFICATE_WITHIN_S = 3.0
MODERATED, CHANNEL_MODES, NAMES = "m", "324", "353"
HEARD = frozenset({"account-notify", "extended-join"})


@dataclass(slots=True)
class _Overheard:
    """What the network tells of channels when asked: their modes, and the sign before our own nick."""

    modes: dict[str, str] = field(default_factory=dict)
    signs: dict[str, str] = field(default_factory=dict)


class IrcExamination:
    """Looks at one network from within.

    Arguments:
        run: connects, and ends when cancelled.
        session: tells the connection that there is.
        why: tells how the last one ended.
        ask: writes a line in its turn.
        troubles: those that are reported, by what they are about.
    """

    def __init__(
        self,
        network: str,
        settings: IrcSettings,
        run: Callable[[Hear], Coroutine[Any, Any, None]],
        session: Callable[[], Session | None],
        why: Callable[[], str],
        ask: Callable[[str], None],
        channels: Channels,
        troubles: Mapping[str, str],
    ) -> None:
        self._about = About(f"IRC {network}")
        self._at: At = ("irc", network)
        self._settings = settings
        self._run = run
        self._session = session
        self._why = why
        self._ask = ask
        self._channels = channels
        self._troubles = troubles

    async def findings(self) -> AsyncIterator[Finding]:
        """Join, look around, and leave."""
        running = asyncio.create_task(self._run(_deaf))
        try:
            session = await self._joined()
            if session is None:
                yield self._outside()
                return
            overheard = _Overheard()
            session.overhear = lambda line: _note(line, session, overheard)
            for channel in self._settings.channels:
                self._ask(f"MODE {channel}")
                self._ask(f"NAMES {channel}")
            await asyncio.sleep(SETTLED_S)
            yield self._about.well("reachable", f"{self._settings.host}:{self._settings.port} let us in")
            async for finding in self._certificate():
                yield finding
            yield self._nick(session)
            for finding in (*self._login(session), *self._proofs(session)):
                yield finding
            for channel in self._settings.channels:
                yield self._channel(channel, overheard, session)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _joined(self) -> Session | None:
        """Wait until the network has let us in; None if it does not."""
        try:
            async with asyncio.timeout(CONNECTED_WITHIN_S):
                while (session := self._session()) is None or not session.is_open():  # noqa: ASYNC110  it tells nobody
                    await asyncio.sleep(LOOKED_S)
                return session
        except TimeoutError:
            return None

    def _outside(self) -> Finding:
        where, why = f"{self._settings.host}:{self._settings.port}", self._why()
        within = f"did not let {self._settings.nick} in within {CONNECTED_WITHIN_S:g} s"
        what = f"{self._about.neighbour}: {where} {within}{f': {why}' if why else ''}"
        look = f"openssl s_client {where}" if self._settings.tls else f"nc -v {where.replace(':', ' ')}"
        remedy = f"see that host, port and tls are the network's, and that no firewall is between: `{look}`"
        return self._about.wrong("reachable", what, remedy, (*self._at, "host"))

    async def _certificate(self) -> AsyncIterator[Finding]:
        settings = self._settings
        url = f"ircs://{settings.host}:{settings.port}"
        left = await certificate_left(url, settings.ca_file, CERTIFICATE_WITHIN_S) if settings.tls else None
        if left is not None:
            yield self._about.certificate(left, settings.host)

    def _nick(self, session: Session) -> Finding:
        trouble = self._troubles.get(THE_NICK, "")
        if not trouble:
            return self._about.well("nick", f"we are {session.login.nick}")
        remedy = f"is it a Gordon that runs, all is well; else `/msg NickServ REGAIN {self._settings.nick}`"
        what = f"{self._about.neighbour}: {THE_NICK}: {trouble}"
        return self._about.warning("nick", what, remedy, (*self._at, "nick"))

    def _login(self, session: Session) -> Iterator[Finding]:
        settings, about = self._settings, self._about
        if trouble := self._troubles.get(THE_LOGIN, ""):
            remedy = "see that the account is registered and its password the one in the file"
            what = f"{about.neighbour}: {THE_LOGIN}: {trouble}"
            yield about.wrong("authenticated", what, remedy, (*self._at, "account"))
        elif session.login.logged_in:
            yield about.well("authenticated", f"we are logged in{f' as {settings.account}' * bool(settings.account)}")
        elif not settings.nick_is_identity:
            what = "we are not logged in, so that anybody can take our nick while we are away"
            remedy = "register an account, `/msg NickServ REGISTER`, and name it and its password"
            yield about.warning("authenticated", what, remedy, (*self._at, "account"))

    def _proofs(self, session: Session) -> Iterator[Finding]:
        """Say how accounts of others are told here, which roles go by."""
        granted, check = session.login.granted, "accounts"
        if self._settings.nick_is_identity:
            yield self._about.well(check, "nicks are believed, as the network is on this machine")
        elif "account-tag" in granted:
            yield self._about.well(check, "the network tells the account of whoever speaks with each line")
        elif session.login.has_whox or granted >= HEARD:
            yield self._about.well(check, "the network tells who logs in and out in our channels")
        else:
            what = "the network lacks account-tag and tells nobody's account unasked, so each speaker is looked up"
            remedy = "ask its operators for account-tag; until then commands that need a role take a moment longer"
            yield self._about.warning(check, what, remedy)

    def _channel(self, name: str, overheard: _Overheard, session: Session) -> Finding:
        check, at, peer = f"channel {name}", (*self._at, "channels"), self._about.neighbour
        if trouble := self._troubles.get(name, ""):
            remedy = "do there, as an operator of the channel, what the sentence says"
            return self._about.wrong(check, f"{peer}: {name}: {trouble}", remedy, at)
        channel = self._channels.find(name)
        if channel is None or not channel.is_in:
            what = f"the network has not let us into {name} within {SETTLED_S:g} s, and does not say why"
            return self._about.warning(check, what, f"try `/join {name}` with a client of your own", at)
        folded = session.login.fold(name)
        if MODERATED in overheard.modes.get(folded, "") and not overheard.signs.get(folded, ""):
            remedy = f"say `/mode {name} +v {session.login.nick}`, or have services do so: `/msg ChanServ FLAGS`"
            return self._about.wrong(check, f"{name} is moderated, and we have no voice there", remedy, at)
        return self._about.well(check, f"we are in {name} and may speak")


def _note(line: Line, session: Session, overheard: _Overheard) -> None:
    login = session.login
    if line.command == CHANNEL_MODES:
        overheard.modes[login.fold(line.word(1))] = line.word(2)
    elif line.command == NAMES:
        for name in line.last.split():
            if login.is_me(name.lstrip(SIGNS)):
                overheard.signs[login.fold(line.word(2))] = name[: len(name) - len(name.lstrip(SIGNS))]


async def _deaf(heard: Heard) -> None:
    """Hear nothing: who looks must not act."""
