"""What Gordon listens for is as `deploy/openapi.json` says: schemathesis sends what that describes, and what not.

Its requests go out unsigned, as a stranger's, and signed over whatever bytes it made of them.
"""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from bot.adapters.github_hooks import EVENT, GUID, PATH, GitHubHooks, Hook
from bot.adapters.health_pages import HEALTH, METRICS, PING, READING, READY, HealthPages
from bot.adapters.hook_secrets import SIGNATURE, HookSecrets
from bot.adapters.jenkins_notifications import PATH as JENKINS
from bot.adapters.jenkins_notifications import Notifications
from bot.adapters.leeroy_pages import METHODS, LeeroyPages
from bot.adapters.leeroy_pages import PATH as BUILD
from bot.adapters.page_token import PageToken
from bot.adapters.status_html import StatusHtml
from bot.adapters.status_page import EVENTS, StatusPage
from bot.adapters.status_page import PATH as STATUS
from bot.adapters.web import Page, WebServer
from bot.clock import SystemClock
from bot.errors import UserError
from bot.forge import Told
from bot.settings import WebSettings
from tests.hook_bodies import signed
from tests.status_rig import EMPTY, Shown
from tests.test_health_pages import Watched

DESCRIPTION: dict[str, Any] = json.loads((Path(__file__).parents[1] / "deploy" / "openapi.json").read_text())
SECRET = "open-sesame"
EXAMPLES = 15
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


class Sender(requests.Session):
    """Counts what comes back, and signs what goes out if it shall."""

    def __init__(self, *, signs: bool) -> None:
        super().__init__()
        self.trust_env = False
        self.signs = signs
        self.ends: Counter[int] = Counter()

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        if self.signs and "X-Hub-Signature-256" in request.headers:
            request.headers["X-Hub-Signature-256"] = signed(body, SECRET)
        answer = super().send(request, **kwargs)
        self.ends[answer.status_code] += 1
        return answer


async def take(told: Told) -> str:
    return "taken"


async def ask(repo: str, number: int, context: str, ref: str) -> None:
    if repo:
        raise UserError("not done")


def listener(folder: Path) -> WebServer:
    """Make a server with every page that there is."""
    file = folder / "secret"
    file.write_text(SECRET)
    file.chmod(0o600)
    clock, program = SystemClock(), Watched()
    secrets = HookSecrets("the webhook", [(file, "")], clock)
    hooks = GitHubHooks([Hook("", secrets), Hook("a", secrets)], lambda: ["moby/moby"], take, clock)
    health = HealthPages(program, hooks.parts)
    jenkins = Notifications({"ci": secrets}, lambda *hint: None, clock)
    asked = LeeroyPages(ask, ask, "leeroy", secrets, clock)
    status = StatusPage(Shown(EMPTY), StatusHtml(()), PageToken(secrets, clock, slow_s=0.0))
    pages = {
        STATUS: Page(status.page, READING, end=status.end),
        EVENTS: Page(status.events, READING),
        BUILD: Page(asked.answer, METHODS),
        PATH: Page(hooks.answer),
        JENKINS: Page(jenkins.answer, hides=True),
        **health.pages(),
    }
    return WebServer(WebSettings(port=0), pages)


def fuzz(path: str, method: str, url: str, session: requests.Session) -> None:
    """Send what the description allows, and what it does not, and hold each answer against it."""
    operation = schemathesis.openapi.from_dict(DESCRIPTION)[path][method.upper()]
    modes = [GenerationMode.POSITIVE]
    if operation.body or operation.headers:
        modes.append(GenerationMode.NEGATIVE)

    held = [check for check in CHECKS if not path.startswith(BUILD) or check is not not_a_server_error]

    @settings(max_examples=EXAMPLES, database=None)
    @given(st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]))
    def answers_as_described(case: Any) -> None:
        answer = case.call(base_url=url, session=session)
        case.validate_response(answer, checks=held)  # 500 is how Leeroy says no

    answers_as_described()


STRANGER = {400, 403, 404, 405, 415}
BUILDS = [f"{BUILD}/{what}" for what in ("retry", "custom", "cron")]
HOOKS, SENT_TO_JENKINS = [PATH, f"{PATH}/{{name}}"], [JENKINS, f"{JENKINS}/{{secret}}"]


@pytest.mark.parametrize(
    ("path", "method", "signs", "ends"),
    [
        *[pytest.param(path, "post", False, STRANGER, id=f"A7-stranger-{path}") for path in HOOKS],
        pytest.param(PATH, "post", True, {200, *STRANGER}, id="signed"),
        *[pytest.param(path, "post", False, {404}, id=f"A7-stranger-{path}") for path in SENT_TO_JENKINS],
        *[pytest.param(path, "post", False, {401}, id=f"A7-stranger-{path}") for path in BUILDS],
        *[pytest.param(path, "post", True, {204, 401, 405, 500}, id=f"with-password-{path}") for path in BUILDS],
        *[
            pytest.param(path, method, False, {200}, id=path + method)
            for path in (PING, HEALTH, READY, METRICS)
            for method in ("get", "head")
        ],
        *[
            pytest.param(path, method, False, {401}, id=f"A7-stranger-{path}{method}")
            for path in (STATUS, EVENTS)
            for method in ("get", "head")
        ],
        pytest.param(STATUS, "get", True, {200, 401}, id="with-the-token"),
        pytest.param(EVENTS, "head", True, {200, 401}, id="with-the-token-what-is-new"),
    ],
)
async def test_every_answer_is_one_that_is_described(
    tmp_path: Path, path: str, method: str, signs: bool, ends: set[int]
) -> None:
    server = listener(tmp_path)
    await server.start()
    with Sender(signs=signs) as sender:
        sender.auth = ("leeroy", SECRET) if signs and path in (*BUILDS, STATUS, EVENTS) else None
        await asyncio.to_thread(fuzz, path, method, server.url, sender)
    await server.stop()
    assert sender.ends.keys() <= ends
    assert not signs or sender.ends[200] or sender.ends[500]


def test_the_description_has_every_page_and_its_limits() -> None:
    assert {path: set(methods) for path, methods in DESCRIPTION["paths"].items()} == {
        **{path: {"post"} for path in [*HOOKS, *SENT_TO_JENKINS, *BUILDS]},
        **{path: {method.lower() for method in READING} for path in [STATUS, EVENTS, PING, HEALTH, READY, METRICS]},
    }
    patterns = {
        header["name"]: header["schema"]["pattern"] for header in DESCRIPTION["paths"][PATH]["post"]["parameters"]
    }
    assert patterns == {
        "X-GitHub-Event": f"^{EVENT.pattern}$",
        "X-GitHub-Delivery": f"^{GUID.pattern}$",
        "X-Hub-Signature-256": f"^{SIGNATURE.pattern}$".replace("(", "").replace(")", ""),
    }
