"""Hooks and their deliveries as the REST API of a GitHub on loopback has them."""

from aiohttp import web
from yarl import URL

from bot.demo.github.accounts import Accounts
from bot.demo.github.bodies import Json
from bot.demo.github.hooks import Delivery, Hook, hook_body
from bot.demo.github.hub import Hub
from bot.demo.github.pages import LARGEST_PAGE, PAGE_SIZE, page_of, whole
from bot.demo.github.records import stamp

HOOK_SCOPES = {"admin:repo_hook", "admin:org_hook"}


class HookPages:
    """What has been sent, and the wish to have it sent again.

    Simpler than at GitHub: a token with either of the scopes for hooks sees all of them, and another one none.
    """

    def __init__(self, hub: Hub, accounts: Accounts) -> None:
        self._hub = hub
        self._accounts = accounts

    def routes(self) -> list[web.RouteDef]:
        """List what is answered, for hooks of repositories and of organisations."""
        return [
            route
            for root in ("/repos/{owner}/{name}/hooks", "/orgs/{org}/hooks")
            for route in (
                web.get(root, self._get_hooks),
                web.get(f"{root}/{{hook}}", self._get_hook),
                web.get(f"{root}/{{hook}}/deliveries", self._get_deliveries),
                web.get(f"{root}/{{hook}}/deliveries/{{delivery}}", self._get_delivery),
                web.post(f"{root}/{{hook}}/deliveries/{{delivery}}/attempts", self._redeliver),
            )
        ]

    async def _get_hooks(self, request: web.Request) -> web.StreamResponse:
        hooks = self._hooks(request)
        page, link = page_of(request, hooks, f"{self._hub.bodies.base_url}{self._path(request)}/hooks")
        return web.json_response([hook_body(self._hub.bodies, hook) for hook in page], headers=link)

    async def _get_hook(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(hook_body(self._hub.bodies, self._hook(request)))

    async def _get_deliveries(self, request: web.Request) -> web.StreamResponse:
        hook, query = self._hook(request), request.query
        size = min(whole(query.get("per_page"), PAGE_SIZE), LARGEST_PAGE)
        before = whole(query.get("cursor", "").removeprefix("v1_"), len(self._hub.hooks.ledger) + 1)
        known = [each for each in self._listed(hook) if each.id < before]
        page, rest = known[:size], known[size:]
        address = URL(f"{self._hub.bodies.base_url}{self._path(request)}/hooks/{hook.id}/deliveries")
        onward = address.with_query({"per_page": str(size), "cursor": f"v1_{page[-1].id}"}) if rest else None
        headers = {"Link": f'<{onward}>; rel="next"'} if onward else {}
        return web.json_response([_item(delivery) for delivery in page], headers=headers)

    async def _get_delivery(self, request: web.Request) -> web.StreamResponse:
        delivery = self._delivery(request)
        sent = {"headers": dict(delivery.headers), "payload": delivery.payload}
        answered = {"headers": dict(delivery.answer_headers), "payload": delivery.answer}
        return web.json_response({**_item(delivery), "url": delivery.hook.url, "request": sent, "response": answered})

    async def _redeliver(self, request: web.Request) -> web.StreamResponse:
        self._hub.hooks.redeliver(self._delivery(request))
        return web.json_response({}, status=202)

    def _hooks(self, request: web.Request) -> list[Hook]:
        known, place = request.match_info, self._path(request).partition("/")[2].partition("/")[2]
        is_known = "org" in known or f"{known['owner']}/{known['name']}".lower() in self._hub.bodies.repos
        if not is_known or not HOOK_SCOPES & set(self._accounts.known(request).scopes):
            raise web.HTTPNotFound
        return [hook for hook in self._hub.hooks.all if hook.of.lower() == place.lower()]

    def _hook(self, request: web.Request) -> Hook:
        for hook in self._hooks(request):
            if str(hook.id) == request.match_info["hook"]:
                return hook
        raise web.HTTPNotFound

    def _delivery(self, request: web.Request) -> Delivery:
        for delivery in self._listed(self._hook(request)):
            if str(delivery.id) == request.match_info["delivery"]:
                return delivery
        raise web.HTTPNotFound

    def _listed(self, hook: Hook) -> list[Delivery]:
        """List what GitHub lists, newest first: not what it has lost itself, and not yet what waits."""
        ledger = self._hub.hooks.ledger
        return [each for each in reversed(ledger) if each.hook is hook and each.is_listed and each.status != "pending"]

    def _path(self, request: web.Request) -> str:
        known = request.match_info
        return f"/orgs/{known['org']}" if "org" in known else f"/repos/{known['owner']}/{known['name']}"


def _item(delivery: Delivery) -> Json:
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": stamp(delivery.at),
        "redelivery": delivery.is_redelivery,
        "duration": delivery.duration_s,
        "status": delivery.status,
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": None,
        "repository_id": delivery.repository_id,
    }
