"""The command line from outside: what it prints, where, and with which status."""

import asyncio
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.demo.jenkins.standin import JenkinsStandIn
from bot.demo.world import World
from bot.testing import running
from tests.world.gordon_process import gordon_process
from tests.world.honesty import until


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    out: str
    errors: str


async def gordon(*arguments: str | Path) -> Ran:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.cli",
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), errors.decode())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["--help"], "gordon run gordon.toml", id="help-has-examples"),
        pytest.param(["check", "--help"], "--live", id="help-of-a-command"),
        pytest.param(["--version"], "gordon 0.", id="version"),
    ],
)
async def test_what_it_tells_about_itself(arguments: list[str], told: str) -> None:
    ran = await gordon(*arguments)
    assert (ran.status, told in ran.out, ran.errors) == (0, True, "")


async def test_a_wrong_configuration_is_told_by_file_and_line_without_a_traceback(tmp_path: Path) -> None:
    """F40: nothing starts on a configuration that is wrong."""
    config = tmp_path / "gordon.toml"
    config.write_text('[gordon]\nhome = "moby/moby"\nprefiks = "!"\n', encoding="utf-8")
    for command in ("check", "run"):
        ran = await gordon(command, config)
        assert ran.status == 2
        assert f"{config}:3" in ran.errors
        assert "prefix" in ran.errors
        assert "Traceback" not in ran.errors


def changed(config: Path, old: str, new: str) -> Path:
    """Write a configuration with one thing changed beside the right one."""
    text = config.read_text(encoding="utf-8")
    assert old in text
    wrong = config.with_name("wrong.toml")
    wrong.write_text(text.replace(old, new), encoding="utf-8")
    return wrong


CONSOLE = '[console]\nperson = "nobody"\n\n[jenkins.ci]'
MARKED = '[plugin.failures.channel."demmo/#docker-maintainers"]\ninfra = "mark"\n\n[irc.demo]'
NOTICES = (
    '[plugin.notices.list.morning]\nat = "daily 09:00"\nto = ["demmo/#docker-maintainers"]\n'
    'commands = ["prs"]\n\n[jenkins.ci]'
)
AGENTS = '[plugin.nodes]\nannounce = ["demmo/#docker-maintainers", "console"]\n\n[jenkins.ci]'
OWN_COMMANDS = '[irc.demo.channel."#docker-maintainers"]\ncommands = ["reads", "rebild"]\n\n[irc.demo]'


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        pytest.param(
            '["rebuild"', '["rebild"', "plugins =",
            'plugin rebild: there is no such plugin (did you mean "rebuild"?)', id="a-plugin",
        ),
        pytest.param(
            "gather_s", "gather", "[plugin.failures]",
            '[plugin.failures] unknown key "gather" (did you mean "gather_s"?)', id="a-key-of-a-plugin",
        ),
        pytest.param(
            "[jenkins.ci]", CONSOLE, "person =",
            '[console] person "nobody" is not in {folder}/people.toml', id="a-person",
        ),
        pytest.param(
            "[irc.demo]", OWN_COMMANDS, "commands =",
            '[irc.demo.channel."#docker-maintainers"] commands has "rebild", which is no command '
            '(did you mean "rebuild"?)', id="a-command-of-a-channel",
        ),
        pytest.param(
            "[irc.demo]", MARKED, "[plugin.failures.channel", '[plugin.failures] channel has '
            '"demmo/#docker-maintainers", but the networks are "demo", "console" (did you mean "demo"?)',
            id="a-place-with-a-table-of-its-own",
        ),
        pytest.param(
            "[jenkins.ci]", AGENTS, "announce = [\"demmo", '[plugin.nodes] announce has "demmo/#docker-maintainers", '
            'but the networks are "demo", "console" (did you mean "demo"?)', id="a-place-of-a-plugin",
        ),
        pytest.param(
            "[jenkins.ci]", NOTICES, "to = [", '[plugin.notices.list.morning] to has "demmo/#docker-maintainers", '
            'but the networks are "demo", "console" (did you mean "demo"?)', id="a-place-of-a-notice",
        ),
        pytest.param(
            "[jenkins.ci]", '[plugin.pr_builds.repo."moby/mobi"]\n\n[jenkins.ci]', "[plugin.pr_builds",
            '[plugin.pr_builds.repo."moby/mobi"]: "moby/mobi" is not in [repos] (did you mean "moby/moby"?)',
            id="a-repository-of-a-plugin",
        ),
        pytest.param(
            "[jenkins.ci]", '[plugin.pr_builds.repo."moby/moby"]\ncontexts = ["jankie"]\n[jenkins.ci]', "contexts = [",
            '[plugin.pr_builds.repo."moby/moby"]: "jankie" is no context of moby/moby (did you mean "janky"?)',
            id="a-context-of-a-plugin",
        ),
        pytest.param(
            "[jenkins.ci]", '[plugin.dco]\nrepos = ["moby/mobi"]\n[jenkins.ci]', "repos = [",
            '[plugin.dco] repos has "moby/mobi", which is not in [repos] (did you mean "moby/moby"?)',
            id="a-repository-in-the-list-of-a-plugin",
        ),
        pytest.param(
            "[jenkins.ci]", '[plugin.pr_builds.repo."moby/moby"]\nneeds = ["dc0"]\n[jenkins.ci]', "needs = [",
            '[plugin.pr_builds.repo."moby/moby"] needs has "dc0", which is no plugin that is on '
            '(did you mean "dco"?)', id="a-check-that-nobody-makes",
        ),
        pytest.param(
            "[jenkins.ci]", '[plugin.pr_builds.repo."moby/moby".context.lxc]\nneeds = ["dco"]\n[jenkins.ci]',
            "needs = [", '[plugin.pr_builds.repo."moby/moby".context.lxc] needs has "dco", but [plugin.dco] repos has '
            'no "moby/moby"', id="a-check-that-is-made-elsewhere",
        ),
    ],
)  # fmt: skip
async def test_what_shows_only_when_all_is_loaded_has_its_line_too(
    tmp_path: Path, old: str, new: str, line: str, said: str
) -> None:
    """F40."""
    async with World(tmp_path, with_irc=True) as world:
        wrong = changed(world.config, old, new)
        ran = await gordon("check", wrong)
        lines = wrong.read_text(encoding="utf-8").splitlines()
        number = next(number for number, text in enumerate(lines, 1) if text.startswith(line))
        assert (ran.status, ran.errors) == (2, f"{wrong}:{number}: {said.format(folder=tmp_path)}\n")


async def test_a_people_file_that_is_not_there_is_the_only_mistake(tmp_path: Path) -> None:
    async with World(tmp_path, with_irc=True) as world:
        wrong = changed(world.config, "[jenkins.ci]", CONSOLE)
        people = tmp_path / "people.toml"
        people.unlink()
        ran = await gordon("check", wrong)
        assert ran.errors == f"{people}: cannot be read: No such file or directory\n"


async def test_check_asks_nobody_and_live_asks_everybody(tmp_path: Path) -> None:
    async with World(tmp_path, with_irc=True) as world:
        offline = await gordon("check", world.config)
        assert (offline.status, len(world.jenkins.ledger.requests), len(world.github.requests)) == (0, 0, 0)
        assert re.fullmatch(r".+ is right: 1 repository, \d+ commands, 6 people\n", offline.out)
        live = await gordon("check", "--live", world.config)
        assert (live.status, live.errors) == (0, "")
        assert "the neighbours agree" in live.out
        assert world.jenkins.ledger.requests
        assert world.github.requests


async def test_live_names_each_neighbour_that_is_wrong(tmp_path: Path) -> None:
    async with World(tmp_path, with_irc=True) as world:
        await world.jenkins.go_down("503")
        world.github.fail(401, times=5, message="Bad credentials")
        ran = await gordon("check", "--live", world.config)
        assert ran.status == 2
        assert "Jenkins ci does not answer" in ran.errors
        assert "GitHub" in ran.errors


async def test_live_names_each_team_that_cannot_be_read(tmp_path: Path) -> None:
    async with World(tmp_path, with_irc=True) as world:
        world.github.teams.add("docker/core")
        with (tmp_path / "people.toml").open("a") as people:
            people.writelines(f'[teams."docker/{team}"]\nroles = {{}}\n' for team in ("core", "cre", "nett"))
        ran = await gordon("check", "--live", world.config)
        assert ran.status == 2
        assert [line.partition(",")[0] for line in ran.errors.splitlines()] == [
            "GitHub refused: there is no team docker/cre",
            "GitHub refused: there is no team docker/nett",
        ]
        assert "read:org" in ran.errors


async def test_live_names_a_network_that_lets_nobody_in_with_the_reason(tmp_path: Path) -> None:
    """Once, and not with each try."""
    async with World(tmp_path, with_irc=True) as world:
        assert world.irc is not None
        await world.irc.stop()
        ran = await gordon("check", "--live", world.config)
        assert ran.status == 2
        assert re.fullmatch(
            rf"IRC demo: 127\.0\.0\.1:{world.irc_port} did not let gordon in within 15 s: no connection \(.+\)\n",
            ran.errors,
        )


async def test_nothing_starts_with_a_channel_for_commands_that_are_not_there(tmp_path: Path) -> None:
    async with World(tmp_path, with_irc=True) as world:
        ran = await gordon("run", changed(world.config, "[irc.demo]", OWN_COMMANDS))
        assert ran.status == 2
        assert 'commands has "rebild", which is no command (did you mean "rebuild"?)\n' in ran.errors


async def test_a_file_that_holds_no_certificate_is_told_without_asking_anybody(tmp_path: Path) -> None:
    async with World(tmp_path, with_irc=True) as world:
        (tmp_path / "ca.pem").write_text("nothing of the sort", encoding="utf-8")
        tls = 'tls = true\nca_file = "ca.pem"'
        ran = await gordon("check", changed(world.config, "tls = false", tls))
        assert ran.status == 2
        assert ran.errors.startswith(f"irc.demo: ca_file {tmp_path}/ca.pem holds no certificates that can be read")


async def test_live_names_a_login_that_fails(tmp_path: Path) -> None:
    async with World(tmp_path, with_irc=True) as world:
        (tmp_path / "secret").write_text("sesame", encoding="utf-8")
        (tmp_path / "secret").chmod(0o600)
        login = 'nick = "gordon"\naccount = "gordon"\naccount_password_file = "secret"'
        ran = await gordon("check", "--live", changed(world.config, 'nick = "gordon"', login))
        assert ran.status == 2
        assert re.fullmatch(r"IRC demo: the login: not logged in \(.+\n", ran.errors)


async def test_live_names_a_job_that_lacks_its_mark(tmp_path: Path) -> None:
    async with World(tmp_path, with_irc=True) as world:
        world.jenkins.job("win").parameters = tuple(
            parameter for parameter in world.jenkins.job("win").parameters if parameter.name != "GORDON_REQUEST_ID"
        )
        ran = await gordon("check", "--live", world.config)
        assert ran.status == 2
        assert "win" in ran.errors
        assert "GORDON_REQUEST_ID" in ran.errors


async def test_live_says_whose_each_thing_is(tmp_path: Path) -> None:
    async with World(tmp_path, with_irc=True) as world:
        world.jenkins.faults.skew_s = 600.0
        ran = await gordon("check", "--live", world.config)
        assert ran.status == 2
        assert re.fullmatch(r"Jenkins ci: its clock is \d+ s ahead of ours\n", ran.errors)


NO_PLUGIN = "Jenkins ci has no Notification plugin, so nothing will come for its notify_secret"


@pytest.mark.parametrize(
    ("line", "web", "plugins", "said"),
    [
        pytest.param('notify_secret_env = "GORDON_TEST_NOTIFY"', "port = 0", {"notification"}, [], id="all-well"),
        pytest.param("", "port = 0", set(), ["[web]: no [jenkins.NAME] has a notify_secret_file"], id="no-secret"),
        pytest.param(
            'notify_secret_env = "GORDON_TEST_NOTIFY"',
            'host = "192.0.2.1"',
            set(),
            [NO_PLUGIN, "[web]: cannot listen on 192.0.2.1:8080: "],
            id="no-plugin-and-not-our-address",
        ),
    ],
)
async def test_live_tells_whether_anybody_could_reach_what_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, web: str, plugins: set[str], said: list[str]
) -> None:
    monkeypatch.setenv("GORDON_TEST_NOTIFY", "sesame-sesame")
    async with World(tmp_path, with_irc=True) as world:
        world.jenkins.plugins.clear()
        world.jenkins.plugins.update(plugins)
        config = changed(world.config, "[github]", f"[web]\n{web}\n[github]")
        config.write_text(config.read_text().replace("poll_s =", f"{line}\npoll_s =", 1))
        ran = await gordon("check", "--live", config)
        told = ran.errors.splitlines()
        assert [text[: len(words)] for text, words in zip(told, said, strict=True)] == said


async def test_several_jenkins_build_one_pull_request(tmp_path: Path) -> None:
    """Each context starts on its own server, under one command."""
    async with World(tmp_path) as world:
        second = JenkinsStandIn(world.clock, quiet_period_s=0.0)
        url = await second.start()
        try:
            second.add_job("win", parameters=world.jenkins.job("win").parameters)
            config = world.config.read_text(encoding="utf-8")
            config = config.replace('jenkins = "ci"\njob = "win"', 'jenkins = "windows"\njob = "win"')
            world.config.write_text(
                config + f'\n[jenkins.windows]\nurl = "{url}"\ntimeout_s = 5\npoll_s = 0.2\n', encoding="utf-8"
            )
            async with running(tmp_path, world=world) as bot:
                reply = await bot.say("tianon", "rebuild moby#1 janky windows", expect="queued")
                assert "janky (item 1), windows (item 1)" in reply
                assert [each.job for each in second.ledger.triggers] == ["win"]
                assert [each.job for each in world.jenkins.ledger.triggers] == ["docker-prs"]
                told = await bot.chat.line("janky #1 passed.*windows #1 passed")
                assert told.startswith("moby#1 at ")
        finally:
            await second.stop()


async def test_a_sighup_that_comes_before_gordon_is_ready_is_taken_up_then(tmp_path: Path) -> None:
    """To a supervisor it would be a wanted end, after which nothing is started again."""
    async with World(tmp_path, with_irc=True) as world, gordon_process(world) as process:
        status = Path(f"/proc/{process.pid}/status")
        await until(lambda: re.search(r"^SigBlk:\s+[0-9a-f]+[13579bdf]$", status.read_text(), re.MULTILINE))
        os.kill(process.pid, signal.SIGHUP)
        await process.logs("SIGHUP: nothing to reload")
        assert await process.stopped() == 0
