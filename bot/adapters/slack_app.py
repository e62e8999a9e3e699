"""Bolt's app for one workspace: what Slack delivers, by whichever transport, in and its acknowledgement out.

Bolt reads a delivery and answers what is about the transport itself. Everything else goes to one listener, before bolt
would ask who has installed the app: there is one workspace, and who speaks is for `slack_hearing` to tell.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.response import BoltResponse

from bot.adapters.slack_ack import Ack
from bot.errors import StorageError

OF_THE_TRANSPORT = ("url_verification", "ssl_check")
NOT_TAKEN = 503
Take = Callable[[Mapping[str, Any]], Awaitable[Ack]]
log = logging.getLogger(__name__)


class SlackApp:
    """Answers deliveries of one workspace.

    Arguments:
        take: called with each; it is acknowledged as this says, unless the disk does not take it.
    """

    def __init__(self, network: str, take: Take) -> None:
        self._network = network
        self._app = AsyncApp(
            name=f"slack {network}",
            logger=log,
            authorize=_never_asked,
            before_authorize=_Listener(network, take),
            request_verification_enabled=False,  # where it is needed it is done before anything is read
            ignoring_self_events_enabled=False,
        )

    async def answer(self, payload: Mapping[str, Any]) -> BoltResponse:
        """Answer a delivery; 503 if it is to be made again.

        What makes us fail is acknowledged all the same: it would do so each time that it came.
        """
        try:
            request = AsyncBoltRequest(mode="socket_mode", body=dict(payload))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            log.warning("%s: what Slack sent cannot be read: %r", self._network, error)
            return BoltResponse(status=200)
        response = await self._app.async_dispatch(request)
        return BoltResponse(status=200) if response.status == 500 else response


class _Listener(AsyncMiddleware):
    """Takes everything that is not about the transport itself."""

    def __init__(self, network: str, take: Take) -> None:
        self._network = network
        self._take = take

    async def async_process(
        self, *, req: AsyncBoltRequest, resp: BoltResponse, next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse:
        if req.body.get("type") in OF_THE_TRANSPORT:
            return await next()
        try:
            ack = await self._take(req.body)
        except StorageError as error:
            log.error("%s: not acknowledged, so that it comes again: %s", self._network, error)
            return BoltResponse(status=NOT_TAKEN)
        return BoltResponse(status=200, body=dict(ack.body) if ack.body is not None else "")


async def _never_asked() -> AuthorizeResult:
    """Bolt must be told how it would find out who has installed the app."""
    return AuthorizeResult(enterprise_id=None, team_id=None)
