"""What gordon doctor finds wrong with each neighbour, and what it says to do: one fault of a stand-in a row."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.check import read_whole
from bot.demo.github.accounts import App
from bot.demo.jenkins.ledger import Status
from bot.demo.jenkins.model import StringParameter
from bot.demo.jenkins.nodes import Agent
from bot.demo.jenkins.request import BUILD, CONFIGURE, CONNECT, READ
from bot.demo.slack import moby
from bot.demo.slack.workspace import Workspace
from bot.demo.world import GITHUB_TOKEN, HOOK_EVENTS, HOOK_SECRET, REPO, SLACK, TOKEN, World
from bot.doctor_neighbours import neighbours
from bot.findings import Condition, Finding
from bot.state_lock import StateLock

OK, UNKNOWN, WARNING, WRONG = Condition.OK, Condition.UNKNOWN, Condition.WARNING, Condition.WRONG
SEES_HOOKS = ("repo", "read:org", "admin:repo_hook")
FEW = ("help", "failures", "nodes")
STANDS_IN = "ahead of ours, though it is on this machine"
NOWHERE = "http://127.0.0.1:1/notification/github"


async def found(world: World) -> Sequence[Finding]:
    whole = await asyncio.to_thread(read_whole, world.config)
    assert not whole.problems
    return await neighbours(whole)


def of(findings: Sequence[Finding], check: str) -> Sequence[Finding]:
    """Choose what was found out by one check, of whichever neighbour."""
    return [one for one in findings if one.check == check]


def configure(world: World, old: str, new: str) -> None:
    text = world.config.read_text(encoding="utf-8")
    assert old in text
    world.config.write_text(text.replace(old, new, 1), encoding="utf-8")


async def test_where_all_is_well_nothing_is_to_be_done(tmp_path: Path) -> None:
    async with World(tmp_path, with_irc=True, with_slack="socket", with_second=True) as world:
        findings = await found(world)
        assert [one.what for one in findings if one.condition in (WARNING, WRONG)] == []
        assert {one.neighbour for one in findings} == {"Jenkins ci", "GitHub", "IRC demo", "Slack moby"}
        assert not world.jenkins.ledger.triggers
        assert {asked.method for asked in world.github.requests} == {"GET"}
        assert {asked.method for asked in world.jenkins.ledger.requests} == {"GET"}


# Jenkins


def may_only(*rights: str) -> Callable[[World], None]:
    return lambda world: world.jenkins.add_user("gordon", token=TOKEN, permissions=rights)


def lacking(*names: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        job = world.jenkins.job("win")
        job.parameters = tuple(one for one in job.parameters if one.name not in names)

    return change


def answered(status: int, **headers: str) -> Callable[[World], None]:
    return lambda world: world.jenkins.faults.next("*", "*", Status(status, "", headers), times=9)


def notified(world: World) -> None:
    configure(world, "poll_s =", 'notify_secret_env = "GORDON_TEST_NOTIFY"\npoll_s =')
    configure(world, "[github]", "[web]\nport = 0\n[github]")


def notified_by_credential(world: World) -> None:
    notified(world)
    info = "<urlInfo><urlOrId>gordon</urlOrId><urlType>SECRET</urlType></urlInfo>"
    world.jenkins.job("win").config = f"<project><endpoints>{info}</endpoints></project>"


def without_plugin(world: World) -> None:
    notified(world)
    world.jenkins.plugins.discard("notification")


def disabled(world: World) -> None:
    world.jenkins.job("win").disabled = True


def hidden(world: World) -> None:
    world.jenkins.job("win").hidden = True


def fixed_to(platform: str) -> Callable[[World], None]:
    job = '[jobs.base-image]\njenkins = "ci"\njob = "infra/base-image"\n'
    return lambda world: configure(world, job, f"{job}parameters = {{ {platform} }}\n")


def quiet(world: World) -> None:
    world.jenkins._engine.quiet_down(True, None)


def with_slash(world: World) -> None:
    branches = world.jenkins.items.add_multibranch("moby/multi", remote="https://github.com/moby/moby.git")
    branches.push("feature/x", "1" * 40, parameters=(StringParameter("GORDON_REQUEST_ID"),))
    world.jenkins.faults.next("GET", "*feature*", Status(404, "<html>nothing of Jenkins'</html>"), times=2)
    configure(world, 'job = "win"', 'job = "moby/multi"\nbranch = "PR-{number}"')


def another_token(world: World) -> None:
    world.jenkins.add_user("gordon", token="another-token-than-we-have")


def as_anybody(world: World) -> None:
    world.jenkins._site.door.users.clear()
    configure(world, 'user = "gordon"\ntoken_file = "jenkins-token"', "")


def an_old_one(world: World) -> None:
    old = Status(200, '{"quietingDown":false}', {"X-Jenkins": "2.289.3"})
    world.jenkins.faults.next("GET", "/api/json*", old)


JENKINS = [
    pytest.param(an_old_one, "version", WARNING, "2.289.3 is older than 2.302", "upgrade Jenkins to 2.302", id="old"),
    pytest.param(another_token, "authenticated", WRONG, "user or token is wrong", "/user/gordon/security/", id="token"),
    pytest.param(as_anybody, "authenticated", WARNING, "we ask it as anybody", "name a user", id="anybody"),
    pytest.param(may_only(BUILD), "allowed", WRONG, "we may not", "Overall/Read", id="overall-read"),
    pytest.param(may_only(READ, CONNECT), "job win", WRONG, "gordon may not build win", "Job/Build", id="job-build"),
    pytest.param(may_only(READ, BUILD), "agents", WARNING, "we lack Agent/Connect", "Agent/Disconnect", id="agents"),
    pytest.param(hidden, "job win", WRONG, "there is no job win", "Job/Read", id="job-read"),
    pytest.param(disabled, "job win", WRONG, "job win is disabled", "/job/win/", id="disabled"),
    pytest.param(lacking("GORDON_REQUEST_ID"), "job win", WRONG, "GORDON_REQUEST_ID", "/job/win/configure", id="mark"),
    pytest.param(lacking("PR", "GIT_SHA1"), "job win", WRONG, "none of GIT_SHA1, PR", "parameters", id="mapped"),
    pytest.param(
        fixed_to('PLATFORM = "el8"'), "job infra/base-image", WRONG, "is one of el6, el7", "(did you mean", id="choice"
    ),
    pytest.param(
        fixed_to('PLATFROM = "el7"'), "job infra/base-image", WRONG, "does not declare PLATFROM", "take it out",
        id="parameter",
    ),
    pytest.param(quiet, "shutting down", WRONG, "is about to shut down", "/manage/", id="shutting-down"),
    pytest.param(answered(407), "reachable", WRONG, "proxy on the way", "HTTPS_PROXY", id="proxy"),
    pytest.param(
        answered(301, Location="https://ci.example.org/api/json?tree=mode"), "reachable", WRONG,
        "sends us to https://ci.example.org", 'url = "https://ci.example.org/"', id="redirect",
    ),
    pytest.param(answered(503), "reachable", WRONG, "Jenkins ci does not answer", "curl -sSI http://", id="down"),
    pytest.param(
        lambda world: configure(world, world.jenkins.url, "http://127.0.0.1:1/"), "reachable", WRONG,
        "does not answer", "see that Jenkins runs", id="nobody-listens",
    ),
    pytest.param(notified, "job win", WARNING, "no Notification endpoint", "Job Notifications", id="endpoint"),
    pytest.param(
        notified_by_credential, "job win", UNKNOWN, "is a credential", "/notification/jenkins/SECRET", id="credential",
    ),
    pytest.param(without_plugin, "notification plugin", WRONG, "no Notification plugin", "install it", id="plugin"),
    pytest.param(with_slash, "job moby/multi", WRONG, "feature%2Fx is out of reach", "nocanon", id="slashes"),
    pytest.param(
        lambda world: setattr(world.jenkins.faults, "skew_s", 400), "clock", UNKNOWN, STANDS_IN, "date -u",
        id="a-clock-on-this-machine",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "check", "condition", "what", "remedy"), JENKINS)
async def test_each_fault_of_jenkins_has_its_remedy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[World], None],
    check: str,
    condition: Condition,
    what: str,
    remedy: str,
) -> None:
    monkeypatch.setenv("GORDON_TEST_NOTIFY", "sesame-sesame")
    async with World(tmp_path, with_slack="socket", agents=(Agent("dm-7"),)) as world:
        change(world)
        about = of(await found(world), check)
        told = [(one.condition, what in one.what, remedy in one.remedy) for one in about if one.condition is condition]
        assert told == [(condition, True, True)], about
        assert not world.jenkins.ledger.triggers


async def test_what_only_who_may_configure_a_job_can_see_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GORDON_TEST_NOTIFY", "sesame-sesame")
    async with World(tmp_path, with_slack="socket") as world:
        notified(world)
        may_only(READ, BUILD, CONNECT)(world)
        [finding] = of(await found(world), "job win")
        assert (finding.condition, "who may configure it" in finding.what) == (UNKNOWN, True)


async def test_a_job_that_notifies_us_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GORDON_TEST_NOTIFY", "sesame-sesame")
    async with World(tmp_path, with_slack="socket") as world:
        notified(world)
        may_only(READ, BUILD, CONFIGURE, CONNECT)(world)
        endpoint = "<endpoints><urlOrId>https://g.example/notification/jenkins/s</urlOrId></endpoints>"
        parameter = "<hudson.model.StringParameterDefinition><name>{}</name></hudson.model.StringParameterDefinition>"
        declared = "".join(parameter.format(name) for name in ("GORDON_REQUEST_ID", "PR"))
        world.jenkins.job(
            "win"
        ).config = f"<project><parameterDefinitions>{declared}</parameterDefinitions>{endpoint}</project>"
        assert [one.condition for one in of(await found(world), "job win")] == [OK]


# GitHub


def scopes(*names: str) -> Callable[[World], None]:
    return lambda world: world.github.set_token(GITHUB_TOKEN, "gordon-bot", 1, scopes=names)


def ending(world: World) -> None:
    world.github.accounts.end(GITHUB_TOKEN, world.clock.now() + timedelta(days=3))


def renamed(world: World) -> None:
    world.github.bodies.repos[REPO].name = "moby/engine"


def unhooked(world: World) -> None:
    scopes(*SEES_HOOKS)(world)


def hooked(
    events: Sequence[str] = HOOK_EVENTS, *, active: bool = True, code: int | None = None
) -> Callable[[World], None]:
    def change(world: World) -> None:
        unhooked(world)
        world.github.hooks.hold()
        hook = world.github.add_hook(NOWHERE, HOOK_SECRET, repo=REPO, events=events)
        hook.active = active
        hook.last = (code, "misconfigured" if code else "unused", None)

    return change


def unknown_person(world: World) -> None:
    world.github.delete_account("vieux")


def used_up(world: World) -> None:
    world.github.quota = 9


def team(world: World) -> None:
    with (world.folder / "people.toml").open("a") as people:
        people.write('[teams."docker/nett"]\nroles = {}\n')


def reading_only(world: World) -> None:
    world.github.bodies.may_push = False


def as_app(**permissions: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.github.accounts.add_app(App(7, "gordon-app", 1, permissions=permissions))
        key = rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        (world.folder / "key.pem").touch(0o600)
        (world.folder / "key.pem").write_bytes(key)
        own = 'app_id = 7\napp_installation = 1\napp_key_file = "key.pem"'
        configure(world, 'token_file = "github-token"', own)

    return change


def out_of_support(world: World) -> None:
    world.github.enterprise_version = "3.9.1"


GITHUB = [
    pytest.param(reading_only, "repository", WRONG, "we may not write to moby/moby", "the role Write", id="push"),
    pytest.param(
        as_app(pull_requests="read"), "allowed", WRONG, 'lacks the permission "Commit statuses": write',
        "Permissions & events", id="app",
    ),
    pytest.param(out_of_support, "version", WARNING, "3.9.1 is out of support", "upgrade to 3.10", id="old"),
    pytest.param(
        lambda world: world.github.revoke_token(GITHUB_TOKEN), "authenticated", WRONG, "the token is not valid",
        "settings/tokens", id="token",
    ),
    pytest.param(ending, "token's end", WARNING, "valid until", "make another", id="token-ends"),
    pytest.param(scopes("read:org"), "allowed", WRONG, "lacks the scope repo:status", "tick it", id="scope"),
    pytest.param(renamed, "repository", WARNING, "moby/moby is called moby/engine now", "aliases", id="renamed"),
    pytest.param(
        lambda world: world.github.bodies.repos.pop(REPO), "repository", WRONG, "no repository moby/moby",
        "private one needs", id="repository",
    ),
    pytest.param(team, "team", WRONG, "there is no team docker/nett", "people.toml", id="team"),
    pytest.param(unknown_person, "people", WARNING, "no account 106", "vieux", id="account"),
    pytest.param(used_up, "budget", WARNING, "of 9 requests are left", "same token", id="budget"),
    pytest.param(unhooked, "webhook", WARNING, "no webhook of moby/moby", "add it in", id="no-webhook"),
    pytest.param(hooked(active=False), "webhook", WRONG, "is switched off", "tick Active", id="webhook-off"),
    pytest.param(hooked(["push"]), "webhook", WRONG, "does not send issue_comment", "tick them", id="events"),
    pytest.param(hooked(code=403), "delivered", WRONG, "was answered 403", "the secret there", id="secret"),
    pytest.param(hooked(), "delivered", UNKNOWN, "has sent nothing", "redeliver the ping", id="silent"),
    pytest.param(scopes("repo"), "webhook", UNKNOWN, "may not see the webhooks", "read:repo_hook", id="no-right"),
    pytest.param(
        lambda world: setattr(world.github, "clock_ahead", timedelta(minutes=9)), "clock", UNKNOWN, STANDS_IN,
        "date -u", id="a-clock-on-this-machine",
    ),
    pytest.param(
        lambda world: configure(world, world.github.base_url, "http://127.0.0.1:1"), "reachable", WRONG,
        "GitHub does not answer", "getent hosts", id="nobody-listens",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "check", "condition", "what", "remedy"), GITHUB)
async def test_each_fault_of_github_has_its_remedy(
    tmp_path: Path, change: Callable[[World], None], check: str, condition: Condition, what: str, remedy: str
) -> None:
    async with World(tmp_path, with_slack="socket", with_hook=True) as world:
        change(world)
        about = of(await found(world), check)
        told = [(one.condition, what in one.what, remedy in one.remedy) for one in about if one.condition is condition]
        assert told == [(condition, True, True)], about


async def test_a_webhook_that_has_arrived_is_well(tmp_path: Path) -> None:
    async with World(tmp_path, with_slack="socket", with_hook=True) as world:
        unhooked(world)
        app = world.gordon()
        running = asyncio.create_task(app.run())
        await world.send_webhook_to(app)
        await world.github.hooks.settled()
        findings = await found(world)
        app.stop()
        await running
        assert [one.condition for one in of(findings, "webhook")] == [OK]


async def test_what_it_costs_at_github_is_bounded(tmp_path: Path) -> None:
    """Two for each repository with a webhook and one for its deliveries, one for each person, and who we are."""
    async with World(tmp_path, with_slack="socket", with_hook=True, with_second=True) as world:
        unhooked(world)
        people = 6
        await found(world)
        assert len(world.github.requests) <= len(world.repos) * 3 + people + 1


# IRC and Slack


async def test_a_channel_where_nobody_may_speak_is_told(tmp_path: Path) -> None:
    async with World(tmp_path, with_irc=True, plugins=FEW) as world:
        assert world.irc is not None
        world.irc.join("tianon", "#docker-maintainers")
        world.irc.channels["#docker-maintainers"].is_moderated = True
        [channel] = of(await found(world), "channel #docker-maintainers")
        assert (channel.condition, channel.what) == (
            WRONG, "#docker-maintainers is moderated, and we have no voice there",
        )  # fmt: skip
        assert "/mode #docker-maintainers +v gordon" in channel.remedy


def without_services(world: World) -> None:
    configure(world, "nick_is_identity = true\n", "")


def unknown_account(world: World) -> None:
    (world.folder / "secret").touch(0o600)
    (world.folder / "secret").write_text("sesame", encoding="utf-8")
    configure(world, "nick_is_identity = true", 'account = "gordon"\naccount_password_file = "secret"')


def elsewhere(world: World) -> None:
    configure(world, f"port = {world.irc_port}", "port = 1")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(elsewhere, {"reachable": (WRONG, "did not let gordon in", "nc -v 127.0.0.1 1")}, id="down"),
        pytest.param(
            unknown_account,
            {
                "authenticated": (WRONG, "the login: not logged in", "its password the one in the file"),
                "accounts": (WARNING, "lacks account-tag", "ask its operators for account-tag"),
            },
            id="login",
        ),
        pytest.param(
            without_services,
            {"authenticated": (WARNING, "anybody can take our nick", "/msg NickServ REGISTER")},
            id="no-account",
        ),
    ],
)
async def test_each_fault_of_irc_has_its_remedy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[World], None],
    told: Mapping[str, tuple[Condition, str, str]],
) -> None:
    monkeypatch.setattr("bot.adapters.irc_examination.CONNECTED_WITHIN_S", 1.0)
    async with World(tmp_path, with_irc=True, plugins=FEW) as world:
        change(world)
        findings = {one.check: one for one in await found(world) if one.neighbour == "IRC demo"}
    for check, (condition, what, remedy) in told.items():
        one = findings[check]
        assert (one.condition, what in one.what, remedy in one.remedy) == (condition, True, True), one


@pytest.mark.parametrize(("is_running", "condition"), [(True, OK), (False, WARNING)], ids=["gordon", "somebody"])
async def test_a_nick_that_is_taken_is_well_if_it_is_gordon_that_has_it(
    tmp_path: Path, is_running: bool, condition: Condition
) -> None:
    async with World(tmp_path, with_irc=True, plugins=FEW) as world:
        assert world.irc is not None
        world.irc.join("gordon", "#elsewhere")
        lock = StateLock(tmp_path / "state") if is_running else None
        try:
            [nick] = of(await found(world), "nick")
        finally:
            if lock is not None:
                lock.close()
        assert nick.condition is condition


def lacks_scope(world: World) -> None:
    workspace(world).app.scopes -= {"usergroups:read"}


def shut_out(world: World) -> None:
    configure(world, '"#docker-dev"', '"#secrets"')
    configure(world, 'announce = ["moby/#docker-dev"]', "")


def wrong_app_token(world: World) -> None:
    (world.folder / "slack-app").write_text(moby.BOT_TOKEN)


def revoked(world: World) -> None:
    workspace(world).app.revoked = "token_revoked"


def workspace(world: World) -> Workspace:
    assert world.slack is not None
    return world.slack.team(SLACK).workspace


@pytest.mark.parametrize(
    ("change", "check", "what", "remedy"),
    [
        pytest.param(lacks_scope, "allowed", "lacks the scope usergroups:read", "gordon slack manifest", id="scope"),
        pytest.param(shut_out, "channel #secrets", "there is no such channel", "/invite @gordon", id="channel"),
        pytest.param(wrong_app_token, "delivers", "Slack moby", "App-Level Tokens", id="socket"),
        pytest.param(revoked, "authenticated", "the token does not count", "OAuth & Permissions", id="token"),
    ],
)
async def test_each_fault_of_slack_has_its_remedy(
    tmp_path: Path, change: Callable[[World], None], check: str, what: str, remedy: str
) -> None:
    async with World(tmp_path, with_slack="socket", plugins=FEW) as world:
        change(world)
        about = [one for one in of(await found(world), check) if one.neighbour == "Slack moby"]
        assert [(one.condition, what in one.what, remedy in one.remedy) for one in about] == [(WRONG, True, True)], (
            about
        )


async def test_where_slack_posts_only_its_own_page_tells_whether_it_arrives(tmp_path: Path) -> None:
    async with World(tmp_path, with_slack="http", plugins=FEW) as world:
        [finding] = of(await found(world), "delivers")
        assert (finding.condition, "event-subscriptions" in finding.remedy) == (UNKNOWN, True)


async def test_a_neighbour_that_hangs_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.doctor_neighbours.WITHIN_S", 0.5)
    async with World(tmp_path, with_slack="socket") as world:
        world.github.hang(times=99)
        findings = await found(world)
        world.github.resume()
        assert [(one.check, one.condition) for one in findings if one.neighbour == "GitHub"] == [("in time", WRONG)]
        assert {one.condition for one in findings if one.neighbour == "Jenkins ci"} == {OK, UNKNOWN}
