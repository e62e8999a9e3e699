"""Shortcuts: "Why did this fail?" of a message, and "Start a build" from anywhere."""

from collections.abc import Callable

from bot.adapters.slack_beside import Beside
from bot.adapters.slack_clicks import Click, Message, texts_of
from bot.adapters.slack_forms import BUILD, Forms
from bot.adapters.slack_output import Output
from bot.adapters.slack_seats import Seats
from bot.adapters.slack_views import About
from bot.adapters.slack_wire import MAX_CHARS, plain
from bot.bounded import Bounded
from bot.chat import Heard, Inside
from bot.errors import UserError
from bot.slack_manifest import START, WHY

MAX_SEEN = 1000
NOTHING = (
    "nothing in that message is a build or a pull request of mine; I look for links to them, and for names like job#12"
)


class Shortcuts:
    """The shortcuts of one workspace."""

    def __init__(
        self, seats: Seats, output: Output, forms: Forms, inside: Callable[[], Inside], beside: Beside
    ) -> None:
        self._seats = seats
        self._output = output
        self._forms = forms
        self._inside = inside
        self._beside = beside
        self._seen: Bounded[str, None] = Bounded(MAX_SEEN)

    def taken(self, click: Click) -> None:
        """Do what a shortcut is for, beside everything else; once, however often it is delivered."""
        if click.trigger_id in self._seen:
            return
        self._seen[click.trigger_id] = None
        if click.callback_id == START:
            self._forms.open(click.trigger_id, click.user.id, About(), lambda: self._heard(click, BUILD))
        elif click.callback_id == WHY and click.message is not None and click.channel is not None:
            self._beside.do(self._explain(click, click.channel.id, click.message))

    async def _explain(self, click: Click, channel: str, message: Message) -> None:
        """Answer under a message why what it tells of has failed; who cannot be answered there is told so alone."""
        found = self._inside().mentioned(plain("\n".join(texts_of(message))[:MAX_CHARS]))
        refusal: str | None = NOTHING
        if found:
            thread = message.thread_ts or message.ts
            try:
                if channel.startswith("D") and not await self._seats.is_own(channel, click.user.id):
                    thread = ""
                heard = await self._heard(click, f"why {found[0].word}", channel, thread)
                refusal = await self._inside().take(heard)
            except UserError as error:
                refusal = str(error)
        if refusal:
            await self._output.whisper(channel, click.user.id, refusal)

    async def _heard(self, click: Click, text: str, channel: str = "", thread: str = "") -> Heard:
        user = click.user
        return await self._seats.heard(
            text, click.trigger_id, user.id, click.team_id, user.name, channel=channel, thread=thread
        )
