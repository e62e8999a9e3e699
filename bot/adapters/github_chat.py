"""Pull requests as a place to talk: what is said about a command in a comment is one comment of ours, which grows."""

import asyncio
import time

from bot.adapters.github_chat_wire import begun, grown, is_again, part_of
from bot.chat import Hear, Instead, MessageRef, Report, Words
from bot.errors import Refused, Unavailable, Unsent, UserError
from bot.forge import ForgeServer
from bot.people import FORGE
from bot.values import PULL, Place, PullRef

NEWS = "news"  # the comment for what answers nobody's
PAUSE_S, MOST_PAUSE_S = 1.0, 60.0  # after an answer that did not come


class GitHubChat:
    """Says words on pull requests; what people write there is told by webhooks, and not here.

    Times are those of the network, however fast a demo's world goes around it.

    Arguments:
        forge: what reads and writes comments; it paces itself.
        mention: what Gordon is called there.
    """

    network = FORGE

    def __init__(self, forge: ForgeServer, mention: str) -> None:
        self.report: Report = lambda about, words: None
        self._forge = forge
        self._mention = mention
        self._turns: dict[str, asyncio.Lock] = {}
        self._pause_s = 0.0
        self._quiet_until_s = 0.0
        self._began_s = time.monotonic()

    async def run(self, hear: Hear) -> None:
        """Wait until cancelled."""
        await asyncio.Event().wait()

    def connected(self) -> bool:
        """Tell whether the forge has answered, or was left alone for long enough since it did not."""
        return time.monotonic() >= self._quiet_until_s

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        """Add words to the comment that answers the one which `place.thread` names, or begin it.

        Raises:
            Unavailable: nobody can tell whether they are there.
            Refused: we may not write there, or there is no such pull request.
        """
        found = PULL.fullmatch(place.channel)
        if found is None or not found["repo"]:
            raise Refused("GitHub", f"{place.channel} is no pull request to write on")
        if is_again(words) and time.monotonic() - self._began_s < self._forge.deadline_s:
            raise Unavailable("GitHub", "writing what an earlier process may have on its way there")
        ref = PullRef(found["repo"], int(found["number"]))
        marker = answer_to(place.thread)
        key = f"{ref}/{marker}"
        turn = self._turns.setdefault(key, asyncio.Lock())
        try:
            async with turn:
                comment_id = await self._add(ref, marker, place.to, part_of(words, self._mention))
        except Unsent:  # there are others before it, so nothing of it is under way
            raise
        except Unavailable:
            self._pause_s = min(max(PAUSE_S, self._forge.deadline_s, self._pause_s * 2), MOST_PAUSE_S)
            self._quiet_until_s = time.monotonic() + self._pause_s
            raise
        except UserError as error:  # it is gone, or was taken away between reading and writing
            raise Refused("GitHub", str(error)) from error
        finally:
            if not turn.locked():
                self._turns.pop(key, None)
        self._pause_s = 0.0
        return MessageRef(place, str(comment_id))

    async def arrived(self, ref: MessageRef) -> None:
        """What GitHub has answered it has kept."""

    def show_load(self, words: str) -> None:
        """An account on GitHub shows no load."""

    async def _add(self, ref: PullRef, marker: str, login: str, part: str) -> int:
        known = await self._forge.marked_comment(ref, marker)
        if known is None:
            return (await self._forge.comment(ref, marker, begun(login, part))).id
        body = grown(known.body, part)
        if body != known.body:
            await self._forge.edit_comment(ref, known.id, marker, body)
        return known.id


def answer_to(comment: str) -> str:
    """Name the comment of ours that answers another one."""
    return f"answer:{comment}" if comment else NEWS
