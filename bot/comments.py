"""Comments on pull requests as a chat: what somebody has written there goes the way of a line on IRC.

It comes as an event that is on disk, so what it says may be looked at twice; each command has a key of its own, by
which it is taken once. What is no command, and what nobody may be obeyed for, ends here.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from bot.access import Access
from bot.audit import Audit, of_command
from bot.chat import Heard
from bot.clock import Clock
from bot.comment_commands import MAX_CHARS, MAX_COMMANDS, Found, about, commands_in
from bot.events import PullCommented
from bot.forge import ForgeServer
from bot.intake import Intake
from bot.live import Live
from bot.loader import Registry
from bot.people import FORGE
from bot.plugin import Obeyed
from bot.pull_news import is_stale
from bot.values import Place, Speaker

OURS = "<!-- gordon:"  # how each comment of ours begins
GONE = "ghost"  # who has written what is left of accounts that are gone
REMEMBERED = 1000  # comments of which is known what came of them, should their event be handled again
STRANGERS, WITHIN_S = 10, 60.0  # so many of those whom nobody knows are answered by a sign within that time
NOTHING = Obeyed()


class Comments:
    """Takes in commands in comments, on the edge loop.

    Arguments:
        forge: tells which account is ours.
        expects: tells whether a line goes on with something that whoever wrote it has begun elsewhere, as somebody whom
            nobody knows yet may; the program sets it.
    """

    def __init__(
        self,
        registry: Registry,
        live: Live,
        access: Access,
        intake: Intake,
        audit: Audit,
        clock: Clock,
        forge: ForgeServer | None,
    ) -> None:
        self._registry = registry
        self._live = live
        self._access = access
        self._intake = intake
        self._audit = audit
        self._clock = clock
        self._forge = forge
        self.expects: Callable[[Speaker, str], bool] = lambda who, text: False
        self._known: OrderedDict[str, Obeyed] = OrderedDict()
        self._strangers_s: list[float] = []

    async def obey(self, event: PullCommented) -> Obeyed:
        """Take in the commands of a comment, and return once they are on disk.

        Raises:
            StorageError: the disk does not take them.
            Unavailable: the forge does not tell who we are, or we are about to end.
        """
        github = self._live.now.settings.github
        if event.key in self._known or github is None or not github.comments or self._forge is None:
            return self._known.get(event.key, NOTHING)
        author, body = event.comment.author, event.comment.body
        if not author.number or author.login == GONE or body.startswith(OURS) or is_stale(event, self._clock.now()):
            return NOTHING
        # In a thread, as some Markdown takes a quarter of a second to read.
        found = await asyncio.to_thread(commands_in, body, github.mention, self._registry.commands.keys())
        if found == Found() or author.number == await self._forge.own_number():
            return NOTHING
        obeyed = self._known[event.key] = await self._obeyed(event, found)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return obeyed

    async def _obeyed(self, event: PullCommented, found: Found) -> Obeyed:
        author, comment = event.comment.author, event.comment
        speaker = Speaker(FORGE, author.login, str(author.number), FORGE)
        place = Place(FORGE, str(event.pull), thread=str(comment.id), to=author.login)
        if self._access.people.find(speaker) is None:
            expected = tuple(text for text in found.texts if not author.is_bot and self.expects(speaker, text))
            if expected:
                return await self._taken(event, Found(expected), speaker, place)
            self._note_stranger(event, speaker, place, found)
            return Obeyed("" if author.is_bot or self._are_too_many() else "confused")
        if found.is_too_long:
            return Obeyed("confused", (f"I read no commands in comments of over {MAX_CHARS} characters",), place)
        return await self._taken(event, found, speaker, place)

    async def _taken(self, event: PullCommented, found: Found, speaker: Speaker, place: Place) -> Obeyed:
        comment = event.comment
        refusals: dict[str, None] = {}
        taken = 0
        for number, text in enumerate(found.texts, 1):
            whole = about(text, event.pull, self._registry.usages, self._live.now.names)
            heard = Heard(f"{event.key}:{number}", whole, speaker, place, comment.at)
            refusal = await self._intake.take(heard)
            taken += refusal is None
            if refusal:
                refusals[refusal] = None
        if found.more:
            refusals[f"only the first {MAX_COMMANDS} commands of a comment count; {found.more} more are left"] = None
        return Obeyed("eyes" if taken else "confused" if refusals else "", tuple(refusals), place)

    def _note_stranger(self, event: PullCommented, speaker: Speaker, place: Place, found: Found) -> None:
        key, text = f"{event.key}:1", found.texts[0] if found.texts else ""
        rule = "not in people.toml"
        self._audit.append(of_command(key, text, speaker, place, command="", decision="refused", rule=rule))

    def _are_too_many(self) -> bool:
        """Count somebody whom nobody knows; tell whether there were too many to give each a sign.

        They get no words at all, as anybody may write on a pull request.
        """
        now_s = self._clock.monotonic_s()
        self._strangers_s = [at_s for at_s in self._strangers_s if now_s - at_s < WITHIN_S]
        if len(self._strangers_s) >= STRANGERS:
            return True
        self._strangers_s.append(now_s)
        return False
