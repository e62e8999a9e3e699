"""npm's `emulate` as a GitHub with people, repositories and an App, and adapters that talk to it.

What it is known to do otherwise than GitHub is not asked of it: it has no statuses, reactions, GraphQL or ETag, finds
no label with a slash in its name, counts the files and commits of a pull request wrong, gives labels in one page, tells
no `synchronize`, and takes every token.
"""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.adapters.github import GitHub
from bot.settings import GitHubSettings
from bot.values import PullRef
from tests.contract.github_rig import Clock
from tests.rigs.emulate import emulated_github

APP_ID, INSTALLATION = 4711, 100
ORG, REPO = "moby", "moby/moby"
TOLD = ("moby/told", "moby/twice", "moby/pushed", "moby/forged")  # one for each test that listens
ALICE, BOB, GORDON = "alice", "bob", "gordon"
TIMEOUT_S = 10.0
LOGINS = (ALICE, BOB, GORDON)
TOKENS = {f"token-of-{login}": {"login": login, "scopes": ["repo", "admin:org"]} for login in LOGINS}
GITHUB = {
    "users": [{"login": login} for login in LOGINS],
    "orgs": [{"login": ORG, "members": [{"login": login, "role": "admin"} for login in LOGINS]}],
    "repos": [{"owner": ORG, "name": repo.partition("/")[2], "auto_init": True} for repo in (REPO, *TOLD)],
}
numbers = itertools.count(1)  # of branches


def new_key() -> str:
    """Make the private key of an App."""
    key = rsa.generate_private_key(65537, 2048)
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*kinds).decode()


@contextmanager
def emulated(folder: Path, key: str) -> Iterator[str]:
    """Let it listen, and tell the address of its API.

    Arguments:
        key: the private key of the App that is installed.
    """
    app = {
        "app_id": APP_ID,
        "slug": "gordon-app",
        "name": "Gordon",
        "private_key": key,
        "permissions": {"contents": "read", "issues": "write", "pull_requests": "write"},
        "installations": [{"installation_id": INSTALLATION, "account": ORG}],
    }
    with emulated_github(folder, {"tokens": TOKENS, "github": GITHUB | {"apps": [app]}}) as url:
        yield url


@asynccontextmanager
async def adapter(url: str) -> AsyncIterator[GitHub]:
    """Be Gordon, by a token."""
    github = GitHub(GitHubSettings(url=url, timeout_s=TIMEOUT_S), lambda: f"token-of-{GORDON}", Clock())
    try:
        yield github
    finally:
        await github.close()


@asynccontextmanager
async def app(url: str, key: str, installation: int = INSTALLATION) -> AsyncIterator[GitHub]:
    """Be an App, by its private key."""
    settings = GitHubSettings(url=url, timeout_s=TIMEOUT_S, app_id=APP_ID, app_installation=installation)
    github = GitHub(settings, lambda: key, Clock())
    try:
        yield github
    finally:
        await github.close()


@dataclass
class People:
    """Who works on that GitHub beside us, over plain HTTP."""

    url: str
    session: aiohttp.ClientSession

    async def ask(self, login: str, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer token-of-{login}"}
        async with self.session.request(method, self.url + path, json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.status != 204 else None

    async def number(self, login: str) -> int:
        number: int = (await self.ask(login, "GET", "/user"))["id"]
        return number

    async def tokens_made(self) -> list[Any]:
        """List the tokens that Apps were given where they are installed, oldest first."""
        found = await self.ask(ALICE, "GET", "/_emulate/installation-tokens")
        return list(found["installation_tokens"])

    async def branch(self, repo: str) -> str:
        """Make a branch with a commit of its own."""
        branch = f"fix-{next(numbers)}"
        (main,) = [each for each in await self.ask(ALICE, "GET", f"/repos/{repo}/branches") if each["name"] == "main"]
        made = {"ref": f"refs/heads/{branch}", "sha": main["commit"]["sha"]}
        await self.ask(ALICE, "POST", f"/repos/{repo}/git/refs", made)
        said = {"message": f"Mend {branch}", "content": base64.b64encode(b"x").decode(), "branch": branch}
        await self.ask(ALICE, "PUT", f"/repos/{repo}/contents/{branch}.txt", said)
        return branch

    async def open_pull(self, repo: str = REPO, **more: object) -> PullRef:
        """Open a pull request of a branch of its own."""
        asked = {"title": "Fix it", "head": await self.branch(repo), "base": "main"} | more
        opened = await self.ask(ALICE, "POST", f"/repos/{repo}/pulls", asked)
        return PullRef(repo, opened["number"])

    async def comment(self, ref: PullRef, text: str, by: str = BOB) -> None:
        await self.ask(by, "POST", f"/repos/{ref.repo}/issues/{ref.number}/comments", {"body": text})

    async def sent(self, hook: str, count: int) -> list[Any]:
        """List so many deliveries of a webhook, once they are noted: that is some time after they were answered."""
        found: list[Any] = []
        async with asyncio.timeout(TIMEOUT_S):
            while len(found) < count:
                found = await self.ask(ALICE, "GET", f"{hook}/deliveries?per_page=100")
        return found

    @asynccontextmanager
    async def hooked(self, repo: str, url: str, secret: str) -> AsyncIterator[str]:
        """Have everything told to an address for a while, by a webhook that is there."""
        config = {"url": url, "content_type": "json", "secret": secret}
        made = await self.ask(ALICE, "POST", f"/repos/{repo}/hooks", {"events": ["*"], "config": config})
        hook = f"/repos/{repo}/hooks/{made['id']}"
        try:
            yield hook
        finally:
            await self.ask(ALICE, "DELETE", hook)


@asynccontextmanager
async def people(url: str) -> AsyncIterator[People]:
    """Let them come and go."""
    async with aiohttp.ClientSession() as session:
        yield People(url, session)
