"""Forms as modals: opened within the three seconds that Slack gives, filled in, and submitted as a command once.

What a job takes is asked of its server, which may be slow or away; so a modal is opened first, and says what it waits
for. Whoever submits counts: the command is weighed when it is given, and a refusal stands at the blank that it is
about.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from bot.adapters.slack_ack import Ack
from bot.adapters.slack_api import Api, Declined
from bot.adapters.slack_beside import Beside
from bot.adapters.slack_blocks import Block
from bot.adapters.slack_clicks import Click, View
from bot.adapters.slack_output import Output
from bot.adapters.slack_seats import Seats
from bot.adapters.slack_views import (
    LOADING,
    About,
    Filled,
    about_of,
    filled_of,
    form_view,
    options_of,
    told_view,
)
from bot.chat import Form, Heard, Inside
from bot.clock import Clock
from bot.errors import Refused, Unavailable, UserError

BUILD = "build"
ANSWER_S = 1.8  # of the three seconds that a submission may take
AFTER_ACK_S = 1.0  # what is shown in a modal by its acknowledgement is there by then
TITLE = "Gordon"
TOO_LATE = "Slack has let me open no form in time; try again, or type it: build JOB NAME=value"
NOT_OURS = "that is no form of mine any more; open it again"
GONE = ("not_found", "hash_conflict", "view_not_found")  # it was closed, or shows something else by now
LATE = ("expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id", "trigger_expired")
log = logging.getLogger(__name__)


class Forms:
    """The modals of one workspace.

    Arguments:
        submitted_for: told what a modal was for, by which key its command was taken in, and who has submitted it.
    """

    def __init__(
        self,
        api: Api,
        seats: Seats,
        output: Output,
        inside: Callable[[], Inside],
        clock: Clock,
        beside: Beside,
        submitted_for: Callable[[About, str, str], None],
    ) -> None:
        self._api = api
        self._seats = seats
        self._output = output
        self._inside = inside
        self._clock = clock
        self._beside = beside
        self._submitted_for = submitted_for

    def wants(self, text: str) -> bool:
        """Tell whether a command with a slash is one whose rest is asked for."""
        words = text.split()
        return len(words) in (1, 2) and words[0].lower() == BUILD

    def open(self, trigger: str, user: str, about: About, asked: Callable[[], Awaitable[Heard]]) -> None:
        """Open a modal for the form of a command, beside everything else.

        Arguments:
            asked: makes the command, which may take a while; refuses by UserError.
        """
        self._beside.do(self._open(trigger, user, about, asked))

    def show(self, trigger: str, user: str, form: Form, about: About) -> None:
        """Open a modal for a form that is known, beside everything else."""
        self._beside.do(self._opened(trigger, user, about.channel, _view(form, about)))

    async def submitted(self, click: Click) -> Ack:
        """Take a modal that was submitted; it may be acknowledged when this has ended.

        Raises:
            StorageError: the disk does not take the command.
        """
        view = click.view
        about = about_of(view) if view is not None else None
        if view is None or about is None:
            return _shows(told_view(TITLE, NOT_OURS))
        filled = filled_of(view, about)
        if wrong := filled.wrong():
            return _errors(wrong)
        try:
            text = filled.form.filled(filled.values)
            heard = await self._heard(text, f"view:{view.id}", click, about)
            if about.asks_more:
                return await self._goes_on(view, heard, about)
            refusal = await self._inside().take(heard)
        except UserError as error:
            return _refused(filled, str(error))
        if refusal is not None:
            return _refused(filled, refusal)
        self._submitted_for(about, heard.key, click.user.id)
        return Ack()

    async def options(self, click: Click) -> Ack:
        """Give what fits to what somebody types into a menu."""
        typed, about = click.value, about_of(click.view) if click.view else None
        if about is None or not isinstance(typed, str):
            return Ack({"options": []})
        try:
            async with asyncio.timeout(ANSWER_S):
                form = await self._inside().form(await self._heard(about.command, "options", click, about))
        except (UserError, Unavailable, Refused, TimeoutError) as error:
            log.info("nothing to choose from: %s", error)
            return Ack({"options": []})
        return Ack({"options": options_of(form.blanks[0].choices if form.blanks else (), typed)})

    # -- opening --

    async def _open(self, trigger: str, user: str, about: About, asked: Callable[[], Awaitable[Heard]]) -> None:
        opened = await self._opened(trigger, user, about.channel, told_view(TITLE, LOADING))
        if opened is None:
            return
        try:
            view = await self._view_for(await asked(), about)
        except UserError as error:
            view = told_view(TITLE, str(error))
        await self._change(str(opened.get("id")), view, str(opened.get("hash")))

    async def _opened(self, trigger: str, user: str, channel: str, view: Block) -> Mapping[str, object] | None:
        """Open a modal; None, and whoever wanted it was told where that can be, if it is too late for that."""
        try:
            answer = await self._api.call("views.open", trigger_id=trigger, view=view)
        except Declined as error:
            if error.code not in LATE:
                raise
            log.info("no modal: %s", error)
            if error.code != "exchanged_trigger_id" and channel:  # for that one a modal is open
                await self._output.whisper(channel, user, TOO_LATE)
            return None
        opened = answer.get("view")
        return opened if isinstance(opened, Mapping) else None

    async def _view_for(self, heard: Heard, about: About) -> Block:
        """Write the modal for the form of a command, or why there is none."""
        try:
            return _view(await self._inside().form(heard), about)
        except (UserError, Refused) as error:
            return told_view(TITLE, str(error))
        except Unavailable as error:
            return told_view(TITLE, f"{error}; nothing was started, try again later")

    async def _change(self, view_id: str, view: Block, known: str = "") -> None:
        try:
            await self._api.call("views.update", view_id=view_id, view=view, hash=known or None)
        except Declined as error:
            if error.code not in GONE:
                raise
            log.info("a modal is not changed any more: %s", error)

    # -- going on --

    async def _goes_on(self, view: View, heard: Heard, about: About) -> Ack:
        """Show the next form with the acknowledgement, or soon after it where a server is slow."""
        asking = asyncio.ensure_future(self._view_for(heard, about))
        done, _ = await asyncio.wait({asking}, timeout=ANSWER_S)
        if done:
            return _shows(asking.result())
        self._beside.do(self._change_late(view.id, asking))
        return _shows(told_view(TITLE, LOADING))

    async def _change_late(self, view_id: str, asking: "asyncio.Future[Block]") -> None:
        try:
            await self._clock.sleep(AFTER_ACK_S)
            await self._change(view_id, await asking)
        finally:
            asking.cancel()

    async def _heard(self, text: str, key: str, click: Click, about: About) -> Heard:
        """Make a command of what was submitted, for where its form was opened."""
        user = click.user
        return await self._seats.heard(
            text, key, user.id, click.team_id, user.name, channel=about.channel, thread=about.thread
        )


def _view(form: Form, about: About) -> Block:
    try:
        return form_view(form, about)
    except UserError as error:
        return told_view(form.title, str(error))


def _shows(view: Block) -> Ack:
    return Ack({"response_action": "update", "view": view})


def _errors(errors: Mapping[str, str]) -> Ack:
    return Ack({"response_action": "errors", "errors": errors})


def _refused(filled: Filled, words: str) -> Ack:
    errors = filled.refused(words)
    return _errors(errors) if errors else _shows(told_view(TITLE, words))
