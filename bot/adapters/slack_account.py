"""Who we are in one workspace: whose the bot's token is, and the next one once that does not count any more."""

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping
from secrets import SystemRandom

from bot.adapters.backoff import Backoff
from bot.adapters.slack_api import Api
from bot.adapters.slack_wire import Installation
from bot.clock import Clock, sleep_until
from bot.errors import ConfigError, Refused, Unavailable

AGAIN_S = 30.0  # between looks at a token that Slack does not take
log = logging.getLogger(__name__)
_chance = SystemRandom().random


class Account:
    """The bot's account.

    Arguments:
        token: the one that the API begins with.
        read_token: reads the one that is to be used now.
    """

    def __init__(self, api: Api, token: str, read_token: Callable[[], str], clock: Clock) -> None:
        self._api = api
        self._token = token
        self._read_token = read_token
        self._clock = clock
        self._is_doubtful = asyncio.Event()
        self.us = Installation("", "")

    @property
    def is_known(self) -> bool:
        """Tell whether Slack has told who we are."""
        return bool(self.us.team)

    def doubt(self) -> None:
        """Have it looked at soon: somebody has said that the token does not count."""
        self._is_doubtful.set()

    async def run(self) -> None:
        """See that Slack takes our token, or a renewed one, once it does not or is silent; end only when cancelled."""
        while True:
            await sleep_until(self._is_doubtful, AGAIN_S, self._clock)
            if self._is_doubtful.is_set() or self._api.is_refused_token or self._api.is_silent:
                self._is_doubtful.clear()
                await self._renew()
                try:
                    await self.introduce()
                except (Unavailable, Refused) as error:
                    log.info("%s", error)

    async def meet(self) -> None:
        """Find out who we are, however long that takes."""
        pauses = Backoff()
        while True:
            try:
                return await self.introduce()
            except Unavailable as error:
                pause_s = pauses.pause_s(_chance())
                log.warning("%s; asking again in %.1f s", error, pause_s)
            except Refused as error:
                pause_s = AGAIN_S
                log.error("%s", error)
            await self._clock.sleep(pause_s)
            await self._renew()

    async def introduce(self) -> None:
        """Ask Slack who we are.

        Raises:
            Unavailable: it does not answer.
            Refused: it does not take our token.
        """
        told = {name: value for name, value in (await self._api.call("auth.test")).items() if isinstance(value, str)}
        if not told.get("team_id") or not told.get("user_id"):
            raise Refused(self._api.peer, "it does not tell who we are")
        bot = told.get("bot_id", "")
        app = await self._app_of(bot) if bot != self.us.bot else self.us.app
        self.us = Installation(
            told["team_id"], told["user_id"], bot, app, told.get("user", ""), told.get("enterprise_id", "")
        )

    async def _app_of(self, bot: str) -> str:
        """Find out of which app a bot is; empty if that is not told."""
        try:
            about = (await self._api.call("bots.info", bot=bot)).get("bot")
        except Refused as error:
            log.info("%s", error)
            return ""
        app = about.get("app_id") if isinstance(about, Mapping) else ""
        return app if isinstance(app, str) else ""

    async def _renew(self) -> None:
        try:
            token = await asyncio.to_thread(self._read_token)
        except ConfigError as error:
            log.warning("%s", error)
            return
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            self._token = token
            self._api.renew(token)
