"""Each command of each plugin on each chat: the same words give the same facts, and the same is asked of Jenkins."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.loader import load_plugins
from bot.settings import CoreSettings
from tests.world.talks import KINDS, Kind, talking

SHA = r"([0-9a-f]{7})"
NO_CHANNEL: tuple[Kind, ...] = ("console", "github")
NOT_IN_COMMENTS: tuple[Kind, ...] = ("github",)


@dataclass(frozen=True, slots=True)
class Row:
    """A command as it is typed, and what its answer says on every chat.

    Arguments:
        command: the words of the command's usage that stand in it, by which the registry knows it.
        says: an expression; what its groups are is the same on all chats.
        but: what it says on chats where it can be done only otherwise, or not at all.
    """

    command: str
    typed: str
    says: str
    but: Mapping[Kind, str] | None = None


def apart(kinds: Sequence[Kind], says: str) -> Mapping[Kind, str]:
    return dict.fromkeys(kinds, says)


# Where nobody is told anything later, and where there is no channel that could be.
HERE, TAKEN = apart(NO_CHANNEL, "channel|here"), apart(NO_CHANNEL, "channel|here|any more")
IN_COMMENTS, UNSEEN = apart(NOT_IN_COMMENTS, "."), apart(NOT_IN_COMMENTS, "what you watch is not told here")
OWN = apart(NOT_IN_COMMENTS, "you mute moby#3")
# In this order: the first build fails, and what comes later asks why.
ROWS = (
    Row("rebuild", "rebuild moby#1 janky", rf"(moby#1) at {SHA}: queued (janky) \(item (1)\)"),
    Row("why", "why docker-prs#1", r"(docker-prs#1) failed: (new failure in TestRunVolumesFrom)"),
    Row("why", "why moby#1", rf"(moby#1) at {SHA}: (1 of 1) contexts? failed"),
    Row("log", "log docker-prs#1", r"(docker-prs#1).*(6: --- FAIL: TestRunVolumesFrom)"),
    Row("tests", "tests docker-prs#1", "(docker-prs#1) (has no test report)"),
    Row("flakes", "flakes", "(no cause failed by itself in 30 days)"),
    Row("unknown", "unknown", "unexplained failures.* (once in docker-prs), newest (docker-prs#1)"),
    Row("known", "known init-rootfs", r"(docker-init-rootfs) \((docker-daemon), retry (true), from gordon\)"),
    Row("known list", "known list init-rootfs", r"(docker-init-rootfs) \((docker-daemon), retry (true), from gordon\)"),
    Row("known test", "known test FAIL: Test", "found in (1 of 1) red logs"),
    Row("known add", "known add shelf-17 unknown false gave up on", "(searched for shelf-17).*(0 of 1) red logs"),
    Row("known remove", "known remove shelf-17", '(no signature "shelf-17" is there)'),
    Row("rebuild", "rebuild moby#2 lxc", rf"(moby#2) at {SHA}: queued (lxc) \(item (2)\)"),
    Row("status", "status moby#2", rf"(moby#2) at {SHA}.*(janky never built)"),
    Row("queue", "queue", "(nothing is waiting|waiting)"),
    Row("running", "running", r"(1 running).*(moby#2 lxc #1)"),
    Row("cancel", "cancel moby#2 lxc", r"(moby#2): (lxc #1) (asked to stop|was stopped)"),
    Row("build", "build base-image", r"(base-image): queued \(item (3)\)"),
    Row("rebuild open", "rebuild open moby/moby/windows", "(3 of 3) open pull requests of (moby/moby) lack a success"),
    Row("nodes", "nodes", r"(1 agent): (1 up)"),
    Row("node", "node nowhere", '(no agent "nowhere"); there are: "?(Built-In Node)'),
    Row("node offline", "node nowhere offline for a test", '(no agent "nowhere")'),
    Row("node online", "node nowhere online", '(no agent "nowhere")'),
    Row("retries reset", "retries reset docker-init-rootfs", '(no failure of a cause "docker-init-rootfs" was seen)'),
    Row("ok to test", "ok to test moby#1", "(moby#1 needs no ok to test)"),
    Row("ok to test cancel", "ok to test moby#1 cancel", "(moby#1 needs no ok to test)"),
    Row("dco", "dco moby#1", "(nobody asks for sign-offs in moby/moby)"),
    Row(
        "override",
        "override moby#1 janky 2h for a test",
        "(I do not tell GitHub how janky stands)",
        apart(NOT_IN_COMMENTS, "janky"),
    ),
    Row("override cancel", "override cancel moby#1 janky", '(janky"? of moby#1 is not overridden)'),
    Row("watch", "watch moby#2", "(you hear of moby#2 in private until it is closed)", UNSEEN),
    Row("watch here", "watch moby#2 here", r"#[\w-]+ (hears of moby#2 until it is closed)", HERE),
    Row("mute", "mute moby#3 1h", "(you hear nothing of moby#3 for 1h)"),
    Row("mute here", "mute moby#3 here 1h", r"#[\w-]+ (hears nothing of moby#3 for 1h)", HERE),
    Row("watches", "watches", r"(you watch moby#2) \((30d)\); (you mute moby#3) \((1h)\)", OWN),
    Row("unwatch", "unwatch moby#2", "(you do not watch moby#2 any more)"),
    Row("unwatch here", "unwatch moby#2 here", "(does not watch moby#2 any more)", TAKEN),
    Row("unmute", "unmute moby#3", "(you do not mute moby#3 any more)"),
    Row("unmute here", "unmute moby#3 here", "(does not mute moby#3 any more)", TAKEN),
    Row("digest", "digest", "(nothing was told together here within the last week)", apart(NO_CHANNEL, "by its id|no")),
    Row("prs", "prs moby", r"(3 open pull requests of moby).*(#3) .*(newcomer)"),
    Row("alru", "alru moby", r"(3 open pull requests of moby)"),
    Row("pr", "pr moby#3", r"(moby#3) (is not merged): it has (0 of 1 approval).*(builds): "),
    Row("review", "review moby#3", "(moby#3) .*(by newcomer): (nobody else owns these files)"),
    Row(
        "schedule add",
        'schedule add "every 2h" prs moby',
        r"(?:is|are) told (?:in private )?(prs moby at every 2h UTC)",
        IN_COMMENTS,
    ),
    Row("schedule list", "schedule list", "(1 scheduled here).*(prs moby at every 2h UTC), (by icecrime)", IN_COMMENTS),
    Row("schedule remove", "schedule remove zzzz", "(nothing called zzzz is scheduled)"),
    Row("notices", "notices", "(1 told here at set times)", IN_COMMENTS),
    Row("scheduled", "scheduled", "(no build is configured to come at set times)"),
    Row("help", "help rebuild", r"(rebuild <pull\|build>)"),
    Row("help", "help", "(rebuild: build, cancel, rebuild).*(people: .*whoami)"),
    Row("whoami", "whoami", "(you are icecrime), proven by .*(operator everywhere)"),
    Row("can", "can jess build", "(no: build needs the role maintainer in moby/moby; jess is triager)"),
    Row("link", "link", "(in private)", apart(("console",), "people.toml")),
    Row("unlink", "unlink nowhere", "(icecrime has linked no account on nowhere)"),
    Row("links", "links", "(icecrime has linked no accounts)"),
    Row("ping", "ping", "(pong)"),
    Row("version", "version", r"(Gordon \d+\.\d+\.\d+)"),
    Row("plugins off", "plugins off dco", "(dco is off)"),
    Row("plugins", "plugins", "(rebuild on).*(dco off: an operator switched it off)"),
    Row("plugins on", "plugins on dco", "(dco is on)"),
    Row("audit", "audit 20", "(icecrime).*: (plugins on dco)"),
    Row("letters", "letters", "(nothing is stuck)"),
    Row("letters replay", "letters replay zzzz", '(no letter "zzzz" is there now)'),
    Row("letters drop", "letters drop zzzz", '(no letter "zzzz" is there now)'),
    Row("reload", "reload", "reload|nothing"),
    Row("confirm", f"confirm {'a' * 26}", "(nothing of yours waits here for that token)"),
)


def test_the_table_has_every_command() -> None:
    registry = load_plugins(CoreSettings(home="").plugins, {})
    assert {row.command for row in ROWS} == set(registry.commands)
    reads = {name for name, command in registry.commands.items() if command.reads}
    assert len(reads) > 20


async def answered(kind: Kind, folder: Path) -> tuple[dict[str, tuple[str | Any, ...]], list[str]]:
    """Type the whole table on one chat; give what was said to each row, and which builds Jenkins was asked for."""
    said: dict[str, tuple[str | Any, ...]] = {}
    async with talking(kind, folder) as talk:
        for row in ROWS:
            own = (row.but or {}).get(kind)
            found = await talk.asks(row.typed, own or row.says)
            if not own:
                said[row.typed] = found.groups()
            if row is ROWS[0]:
                await talk.asks_until("why docker-prs#1", "docker-prs#1 failed")
        return said, sorted(one.job for one in talk.world.jenkins.ledger.triggers)


@pytest.mark.timeout(180)
async def test_each_command_says_and_does_the_same_on_every_chat(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = {kind: group.create_task(answered(kind, tmp_path / kind)) for kind in KINDS}
    said, builds = tasks["fake"].result()
    assert len(builds) > 3
    assert len(said) == len({row.typed for row in ROWS})
    for kind, task in tasks.items():
        own, own_builds = task.result()
        assert {typed: facts for typed, facts in said.items() if typed in own} == own, kind
        assert own_builds == builds, kind
