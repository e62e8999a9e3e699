"""The GraphQL API of a GitHub on loopback: its limits as GitHub counts them, and answers from the records."""

from functools import cache, lru_cache
from importlib.resources import files

from aiohttp import web
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from bot.clock import Clock
from bot.demo.github.accounts import Account, Accounts
from bot.demo.github.bodies import Bodies, Json
from bot.demo.github.graph_price import Price
from bot.demo.github.graph_views import GraphViews, missing
from bot.demo.github.pages import object_of

LIMIT_WORDS = "API rate limit exceeded for user ID {}."
TEAM_SCOPES = {"read:org", "admin:org", "write:org"}


@cache
def schema() -> GraphQLSchema:
    """Read what may be asked."""
    return build_schema((files("bot.demo.github") / "schema.graphql").read_text(encoding="utf-8"))


class Graph:
    """Answers to queries; nothing can be changed this way."""

    def __init__(self, bodies: Bodies, accounts: Accounts, clock: Clock) -> None:
        self._bodies = bodies
        self._accounts = accounts
        self._views = GraphViews(bodies, clock.now)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a query; what is wrong with it is told with a 200, as GitHub does."""
        account = self._accounts.known(request)
        body = await object_of(request)
        text, variables = body.get("query"), body.get("variables") or {}
        if not isinstance(text, str) or not isinstance(variables, dict):
            return _errors(GraphQLError("A query attribute must be specified and must be a string."))
        if not self._accounts.limits(account, "graphql")["remaining"]:
            words = LIMIT_WORDS.format(self._bodies.users[account.login])
            return _errors(GraphQLError(words, extensions={"type": "RATE_LIMITED"}))
        try:
            document, wrong = _checked(text)
        except GraphQLError as error:
            return _errors(error)
        if wrong:
            return _errors(*wrong)
        sees_teams = account.is_app or bool(TEAM_SCOPES & set(account.scopes))
        price = Price(document, variables, sees_teams=sees_teams)
        if price.errors:
            return _errors(*price.errors)
        account.used["graphql"] = account.used.get("graphql", 0) + price.points
        root = self._root(account, price)
        return _told(execute_sync(schema(), document, root, variable_values=variables))

    def _root(self, account: Account, price: Price) -> Json:
        def repository(_: object, owner: str, name: str, **__: object) -> Json:
            repo = self._bodies.repos.get(f"{owner}/{name}".lower())
            if repo is None:
                raise missing(f"Could not resolve to a Repository with the name '{owner}/{name}'.")
            return self._views.repository(repo)

        def rate_limit(_: object, **__: object) -> Json:
            limits = self._accounts.limits(account, "graphql")
            known = {name: limits[name] for name in ("limit", "remaining", "used")}
            resets = account.resets.strftime("%Y-%m-%dT%H:%M:%SZ")
            return {**known, "resetAt": resets, "cost": price.points, "nodeCount": price.nodes}

        return {
            "repository": repository,
            "rateLimit": rate_limit,
            "viewer": lambda _: self._views.actor(account.login),
        }


@lru_cache(maxsize=64)
def _checked(text: str) -> tuple[DocumentNode, list[GraphQLError]]:
    """Read a query and list what is wrong with it; the same few come again and again."""
    document = parse(text)
    return document, validate(schema(), document)


def _errors(*errors: GraphQLError) -> web.Response:
    return _told(ExecutionResult(None, list(errors)), is_run=False)


def _told(result: ExecutionResult, *, is_run: bool = True) -> web.Response:
    body: Json = {"data": result.data} if is_run else {}
    if result.errors:
        body["errors"] = [_error(error) for error in result.errors]
    return web.json_response(body)


def _error(error: GraphQLError) -> Json:
    """Show an error; GitHub says of what type it is beside the words, and nothing for a query that cannot be read."""
    told = error.formatted
    kind = (error.extensions or {}).get("type")
    places: Json = {name: told[name] for name in ("path", "locations") if name in told}
    return {**({"type": kind} if kind else {}), **places, "message": error.message}
