"""What `gordon doctor` asks GitHub: one request for each repository and webhook, and a few besides."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from bot.adapters import github_lists as lists
from bot.adapters import github_wire as wire
from bot.adapters.certificate import certificate_left
from bot.adapters.github_http import PEER, Answer, Errand, GitHubHttp
from bot.adapters.github_pages import ALL, GitHubPages
from bot.adapters.hook_wire import EVENTS
from bot.clock import Clock
from bot.errors import GordonError, Refused, Unavailable, Unrecognised, UserError, shown
from bot.findings import EXPIRES_SOON, About, Finding, ForgeNeeds
from bot.settings import GitHubSettings

ReadTeam = Callable[[str], Awaitable[Collection[int]]]
OLDEST_ENTERPRISE = (3, 10)  # of those before, GitHub's own supports none any more
MAX_ACCOUNTS = 50  # that are looked up, a request each
LOW = 0.1  # of a budget
NEWEST = "per_page=10"  # of a webhook's deliveries
EXPIRES = "github-authentication-token-expiration"
TOKENS = "https://github.com/settings/tokens"
# Which scopes of a classic token each of these allow, and what an App needs.
STATUSES = frozenset({"repo", "repo:status"})
WRITES = frozenset({"repo", "public_repo"})
TEAMS = frozenset({"read:org", "write:org", "admin:org"})
# What an answer to a webhook tells of what is wrong; the rest is in deploy/README.md.
ANSWERS = {
    403: "the secret there is another one than here, or the repository is not among its `repos`",
    404: "nobody listens at this path: is the secret in [github] itself, or in [github.hook.NAME]?",
    502: "it reaches nobody: see that [web] is reachable from outside, through its proxy",
    504: "it reaches nobody in time: see that [web] is reachable from outside, through its proxy",
}
ANOTHER = "deploy/README.md, Its webhook, lists what each answer means"


class GitHubExamination(GitHubPages):
    """Looks at one GitHub.

    Arguments:
        team: reads who is in a team.
    """

    def __init__(self, http: GitHubHttp, settings: GitHubSettings, team: ReadTeam, clock: Clock) -> None:
        super().__init__(http)
        self._about = About(PEER)
        self._team = team
        self._clock = clock
        self._has_token = bool(settings.token_file or settings.token_env or settings.app_id)
        self._installation = settings.app_installation
        self._is_met = False
        self._timeout_s = settings.timeout_s

    async def findings(self, needs: ForgeNeeds) -> AsyncIterator[Finding]:
        """Look at everything; once it does not answer, or not to us, the rest would end alike."""
        try:
            async for part in self._parts(needs):
                yield part
        except GordonError as error:
            yield self._silence(error)

    async def _parts(self, needs: ForgeNeeds) -> AsyncIterator[Finding]:
        is_private = False
        for repo in needs.repos:
            errand = Errand(f"checking {repo}", repo)
            try:
                answer = await self._http.look(self._home(repo), wire.read_object, errand)
            except UserError as error:
                yield self._about.wrong("repository", str(error), "write owner/name", ("repos", repo))
                continue
            async for finding in self._met(answer):
                yield finding
            if answer.status != 404 and answer.value is None:
                raise self._http.fault(answer, errand)
            is_private |= bool(answer.value and answer.value.get("private"))
            yield self._repository(repo, answer.value, needs)
        async for finding in self._identity(needs, is_private=is_private):
            yield finding
        for repo, path in needs.hooks.items():
            async for finding in self._webhook(repo, path):
                yield finding
        for name in needs.teams:
            yield await self._has_team(name)
        for number, person in list(needs.accounts.items())[:MAX_ACCOUNTS]:
            if (missing := await self._account(number, person)) is not None:
                yield missing
        for finding in self._budget():
            yield finding

    async def _met(self, answer: Answer[Any]) -> AsyncIterator[Finding]:
        """Take from the first answer what all of them tell."""
        if self._is_met or answer.status == 401:
            return
        self._is_met = True
        about, headers = self._about, answer.headers
        yield about.well("reachable", f"{self._http.url} answers")
        if (left := await certificate_left(self._http.url, None, self._timeout_s)) is not None:
            yield about.certificate(left, urlsplit(self._http.url).hostname or "it")
        try:
            yield about.clock(parsedate_to_datetime(str(headers.get("date"))).astimezone(UTC) - self._clock.now())
        except (ValueError, OverflowError):
            yield about.unknown("clock", "it does not tell its time")
        if version := str(headers.get("x-github-enterprise-version", "")):
            yield self._version(version)
        if until := str(headers.get(EXPIRES, "")):
            yield self._token_until(until)

    def _version(self, told: str) -> Finding:
        numbers = tuple(int(part) for part in re.findall(r"[0-9]{1,4}", told)[:2])
        if numbers < OLDEST_ENTERPRISE:
            oldest = ".".join(map(str, OLDEST_ENTERPRISE))
            return self._about.warning("version", f"GitHub Enterprise {told} is out of support", f"upgrade to {oldest}")
        return self._about.well("version", f"GitHub Enterprise {told}")

    def _token_until(self, told: str) -> Finding:
        try:
            until = datetime.strptime(told.removesuffix(" UTC"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            return self._about.unknown("token's end", "it says in odd words when the token ends")
        if until - self._clock.now() > EXPIRES_SOON:
            return self._about.well("token's end", f"the token is valid until {until:%Y-%m-%d}")
        what = f"the token is valid until {until:%Y-%m-%d %H:%M} UTC only"
        remedy = f"make another one at {TOKENS} and write it into the same file: it is read again by itself"
        return self._about.warning("token's end", what, remedy, ("github", "token_file"))

    # -- repositories --

    def _repository(self, repo: str, found: Mapping[str, Any] | None, needs: ForgeNeeds) -> Finding:
        at = ("repos", repo)
        if found is None:
            what = f"there is no repository {repo} on GitHub, or it is hidden from me"
            remedy = "see its spelling; a private one needs the scope repo, a fine-grained token or App its selection"
            return self._about.wrong("repository", what, remedy, at)
        name, rights = found.get("full_name"), found.get("permissions")
        if isinstance(name, str) and wire.REPO.fullmatch(name) and name != repo:
            remedy = f'write [repos."{name}"], and "{repo}" into its aliases'
            return self._about.warning("repository", f"{repo} is called {name} now", remedy, at)
        if needs.statuses and isinstance(rights, dict) and rights.get("push") is False:
            what = f"we may not write to {repo}, so statuses of its commits will be refused"
            return self._about.wrong("repository", what, f"give the token's owner the role Write in {repo}", at)
        return self._about.well("repository", f"{repo} is there")

    # -- who we are --

    async def _identity(self, needs: ForgeNeeds, *, is_private: bool) -> AsyncIterator[Finding]:
        errand = Errand("asking who we are", "who we are")
        if not self._has_token:
            what = "without a token there are 60 requests an hour, and nothing can be written"
            remedy = f"make one at {TOKENS} and name its file"
            yield self._about.warning("authenticated", what, remedy, ("github", "token_file"))
            return
        if self._http.is_app:
            path = f"/app/installations/{self._installation}"
            answer = await self._http.look(path, wire.read_object, errand, as_app=True)
        else:
            answer = await self._http.look("/user", wire.read_object, errand)
        async for finding in self._met(answer):
            yield finding
        if answer.value is None:
            raise self._http.fault(answer, errand)
        name = shown(str(answer.value.get("app_slug") or answer.value.get("login")))
        yield self._about.well("authenticated", f"it knows us as {name}{'[bot]' * self._http.is_app}")
        for finding in self._rights(answer, needs, is_private=is_private):
            yield finding

    def _rights(self, answer: Answer[Any], needs: ForgeNeeds, *, is_private: bool) -> Iterator[Finding]:
        check, told, at = "allowed", answer.headers.get("x-oauth-scopes"), ("github", "token_file")
        if self._http.is_app:
            yield from self._rights_of_app(answer.value or {}, needs)
            return
        if told is None:
            what = "what a fine-grained token may do it does not tell"
            yield self._about.unknown(check, what, f"compare it at {TOKENS} with the table in deploy/README.md")
            return
        scopes = set(str(told).replace(" ", "").split(","))
        wanted = [
            ("repo", frozenset({"repo"}), is_private, "read private repositories"),
            ("repo:status", STATUSES, needs.statuses, "tell how builds stand"),
            ("public_repo", WRITES, needs.writes, "comment, label and react"),
            ("read:org", TEAMS, bool(needs.teams), "know who is in teams"),
        ]
        lacking = [(name, why) for name, allowing, is_needed, why in wanted if is_needed and not scopes & allowing]
        for name, why in lacking:
            remedy = f"tick it at {TOKENS}, with the token's name"
            yield self._about.wrong(check, f"the token lacks the scope {name}, to {why}", remedy, at)
        if not lacking:
            yield self._about.well(check, "the token has the scopes that the configuration needs")

    def _rights_of_app(self, installation: Mapping[str, Any], needs: ForgeNeeds) -> Iterator[Finding]:
        check, told = "allowed", installation.get("permissions")
        if not isinstance(told, dict):
            yield self._about.unknown(check, "it does not tell what the App may do")
            return
        wanted = [
            ("pull_requests", "Pull requests", ("read", "write"), True, "read pull requests"),
            ("statuses", "Commit statuses", ("write",), needs.statuses, "tell how builds stand"),
            ("issues", "Issues", ("write",), needs.writes, "comment, label and react"),
            ("members", "Members", ("read", "write"), bool(needs.teams), "know who is in teams"),
        ]
        lacking = [one for one in wanted if one[3] and told.get(one[0]) not in one[2]]
        for _, title, levels, _, why in lacking:
            what = f'the App lacks the permission "{title}": {levels[-1]}, to {why}'
            remedy = "give it under the App's page, Permissions & events, and accept that where it is installed"
            yield self._about.wrong(check, what, remedy, ("github", "app_id"))
        if not lacking:
            yield self._about.well(check, "the App has the permissions that the configuration needs")

    # -- what it sends --

    async def _webhook(self, repo: str, path: str) -> AsyncIterator[Finding]:
        """Look at the webhook of a repository, and at what it has sent of late."""
        check, page = "webhook", f"the settings of {repo}, Webhooks"
        errand = Errand(f"reading the webhooks of {repo}", repo)
        try:
            hooks = await self._all(f"{self._home(repo)}/hooks?{ALL}", lists.read_our_hooks, errand)
        except Refused:
            hooks = None
        if hooks is None:
            what = f"the token may not see the webhooks of {repo}"
            yield self._about.unknown(check, what, f"give it read:repo_hook of an admin of {repo}, or look into {page}")
            return
        ours = next((hook for hook in hooks if hook.path == path), None)
        if ours is None:
            what = f"no webhook of {repo} is sent to a URL that ends in {path}; its organisation may have one"
            remedy = f"add it in {page}, as deploy/README.md says, Its webhook"
            yield self._about.warning(check, what, remedy, ("repos", repo))
            return
        found = list(self._of_hook(repo, ours, page))
        if (trouble := await self._deliveries(repo, ours, errand)) is not None:
            found.append(trouble)
        for finding in found:
            yield finding
        if not found:
            yield self._about.well(check, f"the webhook of {repo} is sent here, and has arrived")

    def _of_hook(self, repo: str, hook: lists.Hook, page: str) -> Iterator[Finding]:
        if not hook.is_active:
            yield self._about.wrong("webhook", f"the webhook of {repo} is switched off", f"tick Active in {page}")
        lacks = sorted(EVENTS.keys() - hook.events) if "*" not in hook.events else []
        if lacks:
            what = f"the webhook of {repo} does not send {', '.join(lacks)}"
            yield self._about.wrong("webhook", what, f"tick them in {page}, Let me select individual events")
        if not hook.is_checked:
            what = f"the webhook of {repo} is sent to whoever has any certificate"
            yield self._about.warning("webhook", what, f"enable SSL verification in {page}")

    async def _deliveries(self, repo: str, hook: lists.Hook, errand: Errand) -> Finding | None:
        """Tell what is amiss with the newest that was sent; nothing if it arrived."""
        if hook.last is not None and not 200 <= hook.last < 300:
            what = f"the last that the webhook of {repo} has sent was answered {hook.last}"
            return self._about.wrong("delivered", what, ANSWERS.get(hook.last, ANOTHER))
        path = f"{self._home(repo)}/hooks/{hook.id}/deliveries?{NEWEST}"
        sent = await self._http.get(path, lists.read_deliveries, errand)
        if sent is None or not sent[0]:
            what = f"the webhook of {repo} has sent nothing in the last days"
            return self._about.unknown("delivered", what, "open its page, Recent Deliveries, and redeliver the ping")
        newest = sent[0][0]
        if not newest.arrived:
            what = f"the last that the webhook of {repo} has sent, {newest.name} at {newest.at:%Y-%m-%d %H:%M}, failed"
            return self._about.wrong("delivered", what, ANOTHER)
        return None

    # -- people --

    async def _has_team(self, name: str) -> Finding:
        try:
            members = await self._team(name)
        except Refused as error:
            return self._about.wrong("team", str(error), f"see that people.toml spells it as its page does: {name}")
        return self._about.well("team", f"{name} has {len(members)} members")

    async def _account(self, number: int, person: str) -> Finding | None:
        errand = Errand(f"looking for the account {number}", person)
        if await self._http.get(f"/user/{number}", wire.read_object, errand) is not None:
            return None
        what = f"there is no account {number}, which people.toml says is {person}'s"
        remedy = f"ask them: `curl https://api.github.com/users/THEIR_LOGIN` tells the id that {person} has"
        return self._about.warning("people", what, remedy)

    def _budget(self) -> Iterator[Finding]:
        for one in self._http.budget():
            left, until = f"{one.left} of {one.limit} requests are left ({one.resource})", f"{one.resets_at:%H:%M} UTC"
            if one.left < one.limit * LOW:
                remedy = "see who else uses the same token; Gordon's own share is `gordon_calls_total` of its metrics"
                yield self._about.warning("budget", f"only {left} until {until}", remedy)
            else:
                yield self._about.well("budget", left)

    def _silence(self, error: GordonError) -> Finding:
        """Name why there is no use in going on."""
        host = urlsplit(self._http.url).hostname
        if isinstance(error, Unrecognised):
            remedy = f"make another one at {TOKENS} and write it where it is read from"
            return self._about.wrong("authenticated", str(error), remedy, ("github", "token_file"))
        if isinstance(error, Unavailable):
            remedy = f"run `getent hosts {host}` and `curl -sSI {self._http.url}`; see https://www.githubstatus.com"
            return self._about.wrong("reachable", str(error), f"{remedy}, and HTTPS_PROXY", ("github", "url"))
        remedy = "compare the token's rights with the table in deploy/README.md"
        return self._about.wrong("allowed", str(error), remedy, ("github",))
