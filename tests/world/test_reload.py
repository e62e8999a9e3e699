"""The configuration is read again while Gordon works: all of it holds at once, or nothing of it."""

import asyncio
import os
import random
import re
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.demo.jenkins.model import Plan
from bot.demo.world import World
from bot.errors import UserError
from bot.events import CommandGiven, ReloadAsked
from bot.ports import Outcome
from bot.reload import Reload
from bot.settings import IrcSettings
from bot.testing import FakeChat, Gordon, confirmation, running
from bot.values import Place, Pull, PullRef, Speaker
from tests.world.gordon_process import gordon_process
from tests.world.honesty import until

OPS = "#ops"
NUMBERS = {"poll_s": 0.05, "again_after_s": 0.05, "gather_s": 0.05}


class Network(FakeChat):
    """A network that keeps the settings that it is handed."""

    def __init__(self) -> None:
        super().__init__("demo")
        self.changed: list[tuple[IrcSettings, Mapping[str, str], str]] = []

    def change(self, settings: IrcSettings, keys: Mapping[str, str], prefix: str) -> None:
        self.changed.append((settings, keys, prefix))


class Site:
    """A Gordon that runs, and the files that it was started with."""

    def __init__(self, gordon: Gordon, network: Network) -> None:
        self.gordon = gordon
        self.network = network
        self.config = gordon.world.config
        self.people = self.config.with_name("people.toml")

    def edit(self, old: str, new: str, file: str = "gordon.toml") -> None:
        path = self.config.with_name(file)
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    async def hang_up(self) -> str:
        """Do what SIGHUP does, and return what came of it."""
        return await self.gordon.app.reload.on_signal()

    @property
    def heard_by_operators(self) -> list[str]:
        return [text for place, text in self.network.said if place.channel == OPS]


@asynccontextmanager
async def site(folder: Path, clock: SystemClock | None = None, **numbers: float) -> AsyncIterator[Site]:
    network = Network()
    async with World(folder, clock=clock, with_irc=True, numbers=NUMBERS | numbers) as world:
        text = world.config.read_text(encoding="utf-8")
        text = text.replace('channels = ["#docker-maintainers"]', f'channels = ["#docker-maintainers", "{OPS}"]')
        text = text.replace("[gordon]\n", f'[gordon]\noperators = ["demo/{OPS}"]\n')
        world.config.write_text(text, encoding="utf-8")
        async with running(folder, world=world, chat=network) as gordon:
            yield Site(gordon, network)


async def test_an_operator_sees_what_changes_confirms_it_and_it_holds(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        gordon, before = here.gordon, here.gordon.app.live.now
        here.edit('"moby/moby" = "triager"', '"moby/moby" = "maintainer"', "people.toml")
        here.edit("builds_per_person = 100", "builds_per_person = 50")
        asked = await gordon.say("icecrime", "reload", expect="to go on say")
        told = "jess: triager -> maintainer in moby/moby; builds_per_person 100 -> 50"
        assert f"reload: this would change: {told}; to go on say" in asked
        assert gordon.app.live.now is before
        answer = await gordon.say("icecrime", confirmation(asked), expect="icecrime: reloaded|^reloaded")
        assert f"reloaded: {told}" in answer
        assert gordon.app.live.now.settings.gordon.builds_per_person == 50
        await gordon.chat.line("^icecrime reloaded: jess: triager -> maintainer")
        assert here.heard_by_operators == [f"icecrime reloaded: {told}"]
        assert await gordon.say("jess", "can jess build") == "yes, jess may give build"
        records = [record for record in await gordon.app.audit.newest(20) if record.get("effect") == "reload"]
        assert [(one["person"], one["rule"]) for one in records] == [
            ("icecrime", f"policy {before.policy} -> {gordon.app.live.now.policy}")
        ]


async def test_where_nothing_differs_nothing_is_asked(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        here.edit("[gordon]", "# another comment\n[gordon]")
        assert "nothing to reload" in await here.gordon.say("icecrime", "reload")
        assert await here.hang_up() == ""


async def test_only_an_operator_of_everything_reloads(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        here.edit("builds_per_person = 100", "builds_per_person = 50")
        assert "needs the role operator" in await here.gordon.say("tianon", "reload")
        assert "nothing proves who you are" in await here.gordon.say("icecrime", "reload", proven=False)


async def test_files_that_change_before_the_word_comes_are_not_taken_over(tmp_path: Path) -> None:
    """What is shown is what is confirmed, though the files may be changed again meanwhile."""
    async with site(tmp_path) as here:
        here.edit("builds_per_person = 100", "builds_per_person = 50")
        asked = await here.gordon.say("icecrime", "reload", expect="to go on say")
        here.edit("builds_per_person = 50", "builds_per_person = 999")
        answer = await here.gordon.say("icecrime", confirmation(asked), expect="not done")
        assert "builds_per_person 100 -> 50" in answer
        assert "builds_per_person 100 -> 999" in answer
        assert here.gordon.app.live.now.settings.gordon.builds_per_person == 100


async def test_only_what_was_seen_is_taken_over(tmp_path: Path) -> None:
    """The files may change in the very moment between the last look and the swap."""
    async with site(tmp_path) as here:
        app = here.gordon.app
        here.edit("builds_per_person = 100", "builds_per_person = 50")
        seen = await app.reload.changes()
        here.edit("builds_per_person = 50", "builds_per_person = 999")
        given = CommandGiven(
            key="k",
            lane="l",
            at=app.clock.now(),
            command="reload",
            text="reload",
            speaker=Speaker("demo", "icecrime"),
            place=Place("demo", OPS),
        )
        with pytest.raises(UserError, match="nothing was done"):
            await app.reload.swap(seen.digest, given, "icecrime")
        assert app.live.now.settings.gordon.builds_per_person == 100


async def test_without_a_file_there_is_nothing_to_read_again(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        app = here.gordon.app
        reload = Reload(None, app.live, app.registry, app.chats, app.audit, (app.teams.changed,))
        with pytest.raises(UserError, match="started without a configuration file"):
            await reload.changes()


async def test_what_needs_a_restart_is_named_and_all_of_the_rest_is_left_too(tmp_path: Path) -> None:
    """F40: nothing is half-applied."""
    async with site(tmp_path) as here:
        before = here.gordon.app.live.now
        here.edit('"moby/moby" = "triager"', '"moby/moby" = "maintainer"', "people.toml")
        here.edit("stuck_after_s = 60", "stuck_after_s = 61")
        here.edit("[jenkins.ci]\n", '[jenkins.ci]\nparameters = { pull = "NUMBER" }\n')
        answer = await here.gordon.say("icecrime", "reload")
        assert "not reloaded, this needs a restart: gordon.stuck_after_s, jenkins.ci.parameters.pull [" in answer
        assert here.gordon.app.live.now is before


async def test_a_removed_role_is_refused_at_once(tmp_path: Path) -> None:
    """G14."""
    async with site(tmp_path) as here:
        assert await here.gordon.say("tianon", "can tianon build") == "yes, tianon may give build"
        here.edit('roles = { "moby/moby" = "maintainer" }', "", "people.toml")
        assert "tianon: maintainer -> anyone in moby/moby" in await here.hang_up()
        answer = await here.gordon.say("tianon", "build base-image")
        assert "build needs the role maintainer in moby/moby; tianon is anyone" in answer


@pytest.mark.parametrize("typed", ["rebuild moby#1", "rebuild moby#1 janky", "cancel moby#1", "status moby#1"])
async def test_what_goes_while_a_command_is_worked_off_is_no_mistake_of_the_plugins(tmp_path: Path, typed: str) -> None:
    """Its repository is gone by the time when GitHub has answered."""
    async with site(tmp_path) as here:
        forge = here.gordon.app.forge
        assert forge is not None
        read = forge.pull

        async def read_slowly(ref: PullRef) -> Pull:
            forge.pull = read  # type: ignore[method-assign]
            found = await read(ref)
            for path in (here.config, here.people):
                path.write_text(path.read_text(encoding="utf-8").replace("moby/moby", "moby/moved"), encoding="utf-8")
            assert "moby/moved" in await here.hang_up()
            return found

        forge.pull = read_slowly  # type: ignore[method-assign]
        told = await here.gordon.say("tianon", typed, expect="moby/moby|inside")
        assert "moby/moby is not in my configuration any more" in told
        assert here.gordon.world.jenkins.ledger.triggers == []


async def test_a_command_that_waits_is_weighed_by_the_new_roles(tmp_path: Path) -> None:
    """G14: what was accepted before the role was taken away starts nothing after it."""
    async with site(tmp_path) as here:
        gordon = here.gordon
        await gordon.world.jenkins.go_down("503")
        await gordon.say("jess", "rebuild moby#1 janky", expect="I will keep trying")
        here.edit('roles = { "moby/moby" = "triager" }', "", "people.toml")
        before = len(gordon.lines)
        assert "jess: triager -> anyone in moby/moby" in await here.hang_up()
        await gordon.world.jenkins.come_back()
        assert "jess is neither" in await gordon.chat.line("^jess: |builds of moby#1", after=before)
        assert gordon.world.jenkins.ledger.triggers == []


async def test_a_network_is_told_what_concerns_it_and_only_then(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        here.edit("builds_per_person = 100", "builds_per_person = 50")
        await here.hang_up()
        assert here.network.changed == []
        (tmp_path / "key").write_text("sesame", encoding="utf-8")
        (tmp_path / "key").chmod(0o600)
        here.edit('"#ops"]', '"#ops", "#moby-ci"]')
        with here.config.open("a", encoding="utf-8") as file:
            file.write('[irc.demo.channel."#moby-ci"]\nkey_file = "key"\n')
        told = ("joins #moby-ci on demo", "new settings for #moby-ci of demo", "another key of #moby-ci on demo")
        assert await here.hang_up() == f"reloaded by SIGHUP: {'; '.join(told)}"
        ((settings, keys, prefix),) = here.network.changed
        assert settings.channels == ("#docker-maintainers", OPS, "#moby-ci")
        assert (keys, prefix) == ({"#moby-ci": "sesame"}, "!")
        (tmp_path / "key").write_text("open", encoding="utf-8")
        assert await here.hang_up() == "reloaded by SIGHUP: another key of #moby-ci on demo"
        assert await here.hang_up() == ""
        here.edit("[gordon]", '[gordon]\nprefix = "?"')
        await here.hang_up()
        assert [(keys, prefix) for _, keys, prefix in here.network.changed[1:]] == [
            ({"#moby-ci": "open"}, "!"),
            ({"#moby-ci": "open"}, "?"),
        ]


def wrong_lines(text: str) -> Iterator[tuple[int, str]]:
    """Make each line of a file wrong in each way that fits it: a key or a table misspelt, another type, a bad value."""
    for number, line in enumerate(text.splitlines()):
        if line.startswith("["):
            yield number, f"{line[:2]}x{line[2:]}" if "." not in line else line.replace(".", "x.", 1)
            yield number, line.removesuffix("]")
        elif found := re.fullmatch(r"(\w+) = (.+)", line):
            key, value = found.groups()
            yield number, f"{key[:-1]}{key[-1]}{key[-1]} = {value}"
            yield number, f"{key} = {'[[1]]' if value.startswith(chr(34)) else chr(34) + 'x' + chr(34)}"
            yield number, f"{key} = {value.replace(chr(34), '', 1) if chr(34) in value else '-1'}"
            if key in ("irc", "roles"):
                yield number, re.sub(r'= "(\w+)" }', '= "no such" }', line)


def mutants(site_: Site, how_many: int, seed: int) -> list[tuple[Path, str]]:
    """Choose mutations of both files: the file and its text."""
    found = []
    for path in (site_.config, site_.people):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for number, wrong in wrong_lines(text):
            found.append((path, "\n".join([*lines[:number], wrong, *lines[number + 1 :], ""])))
    return random.Random(seed).sample(found, how_many)


async def test_fifty_wrong_configurations_change_nothing(tmp_path: Path) -> None:
    """F40: what held before still holds, and the first mistake is told with its file and line."""
    async with site(tmp_path) as here:
        before = here.gordon.app.live.now
        right = {path: path.read_text(encoding="utf-8") for path in (here.config, here.people)}
        for path, text in mutants(here, 50, seed=40):
            path.write_text(text, encoding="utf-8")
            with pytest.raises(UserError) as caught:
                await here.gordon.app.reload.changes()
            assert re.match(rf"not reloaded, nothing has changed: {re.escape(path.name)}:\d+: .+", str(caught.value)), (
                text
            )
            assert here.gordon.app.live.now is before
            path.write_text(right[path], encoding="utf-8")
        assert (await here.gordon.app.reload.changes()).words == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        pytest.param("gordon.toml", "gather_s", "gather", r'gordon\.toml:\d+: \[plugin\.failures\] unk', id="plugin"),
        pytest.param("people.toml", "people.icecrime", 'people."ice crime"', r"people\.toml:\d+: ", id="person"),
        pytest.param("gordon.toml", "jenkins-token", "no-token", r"no-token: cannot read the secret of J", id="secret"),
    ],
)  # fmt: skip
async def test_the_first_mistake_is_told_and_how_many_more(
    tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    """F40."""
    async with site(tmp_path) as here:
        here.edit(old, new, file)
        here.edit("github-token", "no-other-token")
        answer = await here.gordon.say("icecrime", "reload")
        assert re.search(said, answer) or "no-other-token: cannot read" in answer
        assert "(and 1 more, see the log)" in answer


def held() -> tuple[int, int]:
    """Count the tasks of this loop and the open files of this process."""
    return len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))


async def test_a_hundred_reloads_leave_nothing_behind(tmp_path: Path) -> None:
    """G8."""
    async with site(tmp_path) as here:
        await here.hang_up()
        requests = here.gordon.world.jenkins.ledger.requests
        await until(lambda: any("computer/api" in request.path for request in requests))  # it has its connections
        before = held()
        for number in range(100):
            here.edit(f"builds_per_person = {100 + number}", f"builds_per_person = {101 + number}")
            assert await here.hang_up() == f"reloaded by SIGHUP: builds_per_person {100 + number} -> {101 + number}"
        assert all(now <= then + 2 for now, then in zip(held(), before, strict=True))


async def test_sighup_reloads_joins_and_tells_operators_and_a_mistake_ends_nothing(tmp_path: Path) -> None:
    """F40: a Gordon in a process of its own, on a network."""
    async with World(tmp_path, with_irc=True, numbers=NUMBERS) as world, gordon_process(world) as gordon:
        await gordon.logs("in #docker-maintainers")
        right = world.config.read_text(encoding="utf-8")
        text = right.replace('["#docker-maintainers"]', '["#docker-maintainers", "#ops"]')
        text = text.replace("[gordon]\n", '[gordon]\noperators = ["demo/#ops"]\n')
        world.config.write_text(text, encoding="utf-8")
        os.kill(gordon.pid, signal.SIGHUP)
        await gordon.logs(r"reloaded: operators \+demo/#ops; joins #ops on demo")
        await gordon.logs("in #ops")
        line = text.splitlines().index("[gordon]") + 1
        world.config.write_text(text.replace("[gordon]", "[gordn]"), encoding="utf-8")
        os.kill(gordon.pid, signal.SIGHUP)
        await gordon.logs(rf"SIGHUP: not reloaded, nothing has changed: gordon.toml:{line}: unknown key")
        assert await gordon.stopped() == 0


async def test_what_comes_of_a_sighup_is_told_to_operators(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        here.edit("builds_per_person = 100", "builds_per_person = 50")
        here.gordon.app.hang_up.came.set()
        await here.network.line("reloaded by SIGHUP: builds_per_person 100 -> 50")
        here.edit("builds_per_person = 50", "builds_per_person = 0")
        here.gordon.app.hang_up.came.set()
        await here.network.line(r"not reloaded, .+gordon\.toml:\d+: \[gordon\] builds_per_person must be 1 to 1000")
        assert len(here.heard_by_operators) == 2


async def test_troubles_reach_operators_and_show_in_status(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        here.network.is_connected = False
        here.network.report("the login", "not logged in (wrong password)")
        here.network.is_connected = True
        assert await here.network.line("the login") == "IRC demo: the login: not logged in (wrong password)"
        assert "the login: not logged in" in await here.gordon.say("newcomer", "status")
        for _ in range(5):
            here.gordon.app.strikes.add("status", "it broke")
        await here.network.line(r"^Gordon: the plugin status: switched off \(it failed 5 times .+\); plugins on status")
        assert len(here.heard_by_operators) == 2


async def test_what_gets_stuck_is_told_to_operators(tmp_path: Path) -> None:
    """A handler that fails for good leaves a letter, and a letter is found by whoever knows of it."""
    async with site(tmp_path, SystemClock(speed=100)) as here:
        app = here.gordon.app
        now = app.clock.now()
        (delivery,) = await app.journal.accept(
            ReloadAsked(key="k", lane="l", at=now, words="x"), ("operate.tell_reload",)
        )
        await app.journal.bury(delivery, "no such luck", Outcome())
        line = await here.network.line("what got stuck")
        assert line == "Gordon: what got stuck: 1 letter waits for an operator; letters lists them"


async def test_the_load_is_shown_while_there_is_some(tmp_path: Path) -> None:
    async with site(tmp_path, SystemClock(speed=100)) as here:
        here.gordon.world.build_of(lambda starting: Plan(duration_s=200))
        await here.gordon.say("tianon", "rebuild moby#1 janky lxc", expect="queued")
        await until(lambda: here.network.load == "2 builds running")
        await until(lambda: here.network.load == "")


async def test_a_command_that_waits_does_not_go_over_to_the_accounts_new_owner(tmp_path: Path) -> None:
    """A31: what somebody asked for is theirs, also when their account is another person's since."""
    async with site(tmp_path) as here:
        gordon = here.gordon
        await gordon.world.jenkins.go_down("503")
        await gordon.say("jess", "rebuild moby#1 janky", expect="I will keep trying")
        here.edit('"jess"', '"swap"', "people.toml")
        here.edit('"tianon"', '"jess"', "people.toml")
        before = len(gordon.lines)
        await here.hang_up()
        await gordon.world.jenkins.come_back()
        assert "jess is not proven to be jess any more" in await gordon.chat.line("proven", after=before)
        assert gordon.world.jenkins.ledger.triggers == []
