"""What GitHub publishes about itself, from packages of npm, and whether something is as it says there."""

import gc
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import msgspec
from graphql import GraphQLSchema, build_schema
from openapi_schema_validator import OAS30Validator
from yarl import URL

from tests.rigs.npm import packages

T = TypeVar("T")
FORGOTTEN = ("head.repo",)  # null when the fork is gone, says GitHub itself, but not its description
METHODS = ("get", "post", "put", "patch", "delete")
# Pages that GitHub sends its clients to by links, and which its description leaves out.
BY_NUMBER = (
    (re.compile(r"/repositories/\d+(?=/|$)"), "/repos/{owner}/{repo}"),
    (re.compile(r"/organizations/\d+/team/\d+(?=/|$)"), "/orgs/{org}/teams/{team_slug}"),
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what was answered to it; `path` is with its query."""

    method: str
    path: str
    body: bytes
    status: int
    answer: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status}"


class Description:
    """GitHub's description of its REST API."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components = document["components"]
        self._webhooks = document["x-webhooks"]
        self._operations = [
            (method.upper(), template, _pattern(template), operation, methods.get("parameters", []))
            for template, methods in document["paths"].items()
            for method, operation in methods.items()
            if method in METHODS
        ]

    def problems(self, exchange: Exchange) -> list[str]:
        """List what an exchange has that the description does not let it have."""
        path = URL(exchange.path, encoded=True).raw_path
        operation, parameters = self._operation(exchange.method, path)
        if operation is None:
            return [f"{exchange}: there is no such operation"]
        found = [*self._asked_wrong(exchange, operation, parameters), *self._answered_wrong(exchange, operation)]
        return [f"{exchange}: {problem}" for problem in found]

    def template(self, exchange: Exchange) -> str:
        """Tell which operation a request is of."""
        path = URL(exchange.path, encoded=True).raw_path
        found: str = self._found(exchange.method, path)[1]
        return found

    def webhook_problems(self, name: str, headers: Mapping[str, str], payload: object) -> list[str]:
        """List what a delivery has that the description of its event does not let it have.

        Arguments:
            name: of event and action, "pull-request-opened".
        """
        described = self._webhooks[name]["post"]
        wanted = {each["name"].lower() for each in described["parameters"] if each["in"] == "header"}
        missing = sorted(wanted - {header.lower() for header in headers})
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        return [*(f"no header {header}" for header in missing), *self._wrong(schema, payload, "payload")]

    def _operation(self, method: str, path: str) -> tuple[Mapping[str, Any] | None, Sequence[Any]]:
        try:
            _, _, _, operation, shared = self._found(method, path)
        except LookupError:
            return None, []
        return operation, [self._whole(each) for each in [*operation.get("parameters", []), *shared]]

    def _found(self, method: str, path: str) -> Any:
        for by_number, by_name in BY_NUMBER:
            path = by_number.sub(by_name, path)
        # Of `/issues/comments/{id}` and `/issues/{number}/{what}` the one with more words of its own is meant.
        fitting = [each for each in self._operations if each[0] == method and each[2].fullmatch(path)]
        if not fitting:
            raise LookupError(path)
        return min(fitting, key=lambda each: each[1].count("{"))

    def _asked_wrong(
        self, exchange: Exchange, operation: Mapping[str, Any], parameters: Sequence[Any]
    ) -> Iterator[str]:
        if exchange.status >= 400:
            return  # asked wrong on purpose
        known = {each["name"]: each for each in parameters if each["in"] == "query"}
        for name, value in URL(exchange.path, encoded=True).query.items():
            if name not in known:
                # GitHub pages every list, and its links carry what they have to.
                if name not in ("page", "per_page"):
                    yield f"unknown parameter {name}"
                continue
            schema = self._whole(known[name]["schema"])
            typed = int(value) if schema.get("type") == "integer" and value.isdecimal() else value
            yield from self._wrong(schema, typed, name)
        content = self._whole(operation.get("requestBody", {})).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if exchange.body:
            if schema is None:
                yield "a body where none is taken"
            else:
                yield from self._wrong(schema, msgspec.json.decode(exchange.body), "body")

    def _answered_wrong(self, exchange: Exchange, operation: Mapping[str, Any]) -> Iterator[str]:
        described = operation["responses"].get(str(exchange.status))
        if described is None:
            if exchange.status < 400:
                yield "no such status"
                return
            described = {"$ref": "#/components/responses/not_found"}  # all problems have one shape
        content = self._whole(described).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema is None:
            if exchange.answer and exchange.status < 400:
                yield "an answer where there is none"
            return
        yield from self._wrong(schema, msgspec.json.decode(exchange.answer), "answer")

    def _wrong(self, schema: Mapping[str, Any], value: object, where: str) -> Iterator[str]:
        validator = OAS30Validator({"components": self._components, "allOf": [schema]})
        for error in validator.iter_errors(value):
            place = ".".join([where, *map(str, error.absolute_path)])
            if error.instance is None and (error.schema.get("nullable") or place.endswith(FORGOTTEN)):
                continue  # its enums leave out the null that `nullable` beside them lets through
            yield f"{place}: {error.message[:200]}"

    def _whole(self, described: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow a reference to a component."""
        if "$ref" not in described:
            return described
        _, _, kind, name = described["$ref"].split("/")
        found: Mapping[str, Any] = self._components[kind][name]
        return found


@cache
def description() -> Description:
    """Read GitHub's description of its REST API."""
    path = packages("github") / "@octokit" / "openapi" / "generated" / "api.github.com.json"
    return kept(Description(msgspec.json.decode(path.read_bytes())))


@cache
def graphql_schema() -> GraphQLSchema:
    """Read the schema of GitHub's GraphQL API."""
    path = packages("github") / "@octokit" / "graphql-schema" / "schema.graphql"
    return kept(build_schema(path.read_text(encoding="utf-8"), assume_valid=True))


@cache
def webhook_examples() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Read the examples of what webhooks are told, by the name of the event."""
    path = packages("github") / "@octokit" / "webhooks-examples" / "api.github.com" / "index.json"
    return kept({each["name"]: each["examples"] for each in msgspec.json.decode(path.read_bytes())})


def kept(value: T) -> T:
    """Keep something large: a look for garbage that went through it would stop all later tests for seconds."""
    gc.collect()
    gc.freeze()
    return value


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]+\})", template)
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts))
