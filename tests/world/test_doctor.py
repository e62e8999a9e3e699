"""gordon doctor as it is typed: what it prints, how it ends, what it looks at on this machine, and what it keeps."""

import asyncio
import io
import json
import socket
import sqlite3
import ssl
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from bot.adapters.certificate import certificate_left
from bot.demo.jenkins.ledger import Status
from bot.demo.slack import moby
from bot.demo.world import GITHUB_TOKEN, HOOK_SECRET, TOKEN, World
from bot.doctor import doctor, lines_of
from bot.doctor_here import kind_of, state
from bot.findings import About, Condition, Finding
from bot.schema import HEAD
from bot.settings import CoreSettings, GordonSettings
from bot.toml_file import read
from tests.rigs.certificates import certificate
from tests.world.test_cli import gordon

NOTIFY = "sesame-sesame"
JENKINS, STATE = About("Jenkins ci"), "state"


class DiskUsage(NamedTuple):
    """What `shutil.disk_usage` tells."""

    total: int
    used: int
    free: int


KEYS = {"neighbour", "check", "status", "what", "remedy"}


async def told(capsys: pytest.CaptureFixture[str], config: Path) -> tuple[int, list[dict[str, str]]]:
    """Have everything looked at; give the exit status and the objects that were printed."""
    capsys.readouterr()
    status = await asyncio.to_thread(doctor, config, as_json=True)
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def of(found: Sequence[dict[str, str]], neighbour: str, check: str) -> list[dict[str, str]]:
    return [one for one in found if (one["neighbour"], one["check"]) == (neighbour, check)]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_a_world_that_is_well_ends_well(tmp_path: Path) -> None:
    """From outside, as somebody types it; nothing but what is printed comes of it."""
    async with World(tmp_path, with_irc=True, with_hook=True) as world:
        before = names_in(tmp_path)
        ran = await gordon("doctor", world.config)
        assert (ran.status, ran.errors) == (0, "")
        assert [line for line in ran.out.splitlines() if line and not line.startswith(" ")][:-1] == [
            "configuration", "people", "state", "[web]", "Jenkins ci", "GitHub", "IRC demo",
        ]  # fmt: skip
        assert ran.out.splitlines()[-1].startswith("all is well: ")
        assert "\x1b" not in ran.out
        assert names_in(tmp_path) == before


async def test_each_finding_is_an_object_and_one_that_is_wrong_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A neighbour that is down hides no other."""
    async with World(tmp_path, with_slack="socket") as world:
        await world.jenkins.go_down()
        status, found = await told(capsys, world.config)
        assert status == 1
        assert all(one.keys() == KEYS for one in found)
        [down] = [one for one in found if one["neighbour"] == "Jenkins ci"]
        line = next(n for n, text in enumerate(world.config.read_text().splitlines(), 1) if text.startswith("url ="))
        assert (down["check"], down["status"]) == ("reachable", "wrong")
        assert down["remedy"].startswith(f"{world.config}:{line}: connection refused")
        assert {one["status"] for one in found if one["neighbour"] in ("GitHub", "Slack moby")} <= {"ok", "unknown"}


async def test_a_wrong_configuration_is_told_and_nobody_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """F40."""
    async with World(tmp_path, with_slack="socket") as world:
        (tmp_path / "jenkins-token").chmod(0o604)
        status, found = await told(capsys, world.config)
        [wrong] = of(found, "configuration", "valid")
        assert (status, wrong["status"], "chmod o-r" in wrong["what"]) == (2, "wrong", True)
        world.config.write_text("[gordon]\n", encoding="utf-8")
        status, found = await told(capsys, world.config)
        assert (status, [one["status"] for one in found]) == (2, ["wrong"])
        assert not world.jenkins.ledger.requests


async def test_no_secret_is_ever_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not of what is well, nor where a neighbour says it back. A12."""
    async with World(tmp_path, with_slack="http", with_hook=True) as world:
        secrets = (TOKEN, GITHUB_TOKEN, HOOK_SECRET, moby.BOT_TOKEN, moby.SIGNING_SECRET)
        for said_back in ("", f"no {GITHUB_TOKEN}, and no {TOKEN}"):
            if said_back:
                world.github.fail(403, times=9, message=said_back)
                said = Status(403, "", {"X-Required-Permission": said_back})
                world.jenkins.faults.next("GET", "*buildWithParameters", said, times=9)
            for as_json in (False, True):
                await asyncio.to_thread(doctor, world.config, as_json=as_json)
        printed = capsys.readouterr().out
        assert "[secret]" in printed
        assert [secret for secret in secrets if secret in printed] == []


async def notify(port: int) -> None:
    """Tell of a build, as the Notification plugin does."""
    body = {
        "name": "win",
        "url": "job/win/",
        "build": {"full_url": "http://ci/job/win/1/", "number": 1, "phase": "STARTED"},
    }
    url = f"http://127.0.0.1:{port}/notification/jenkins/{NOTIFY}"
    async with aiohttp.ClientSession() as session, session.post(url, data=json.dumps(body)) as answer:
        assert answer.status == 200


async def test_the_gordon_that_runs_is_asked_how_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GORDON_TEST_NOTIFY", NOTIFY)
    async with World(tmp_path, with_slack="socket", with_hook=True) as world:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        text = world.config.read_text().replace("port = 0", f"port = {port}")
        text = text.replace("poll_s =", 'notify_secret_env = "GORDON_TEST_NOTIFY"\npoll_s =', 1)
        world.config.write_text(text, encoding="utf-8")
        app = world.gordon()
        running = asyncio.create_task(app.run())
        await world.send_webhook_to(app)
        world.github.push("moby/moby", 1)
        await world.github.hooks.settled()
        _, before = await told(capsys, world.config)
        await notify(port)
        _, found = await told(capsys, world.config)
        app.stop()
        await running
        assert [one["status"] for one in of(found, "[web]", "listens")] == ["ok"]
        assert "a Gordon runs with this state" in of(found, STATE, "running")[0]["what"]
        assert of(found, STATE, "schema")[0]["status"] == "ok"
        assert of(found, "GitHub", "taken in")[0]["status"] == "ok"
        [never], [lately] = of(before, "Jenkins ci", "taken in"), of(found, "Jenkins ci", "taken in")
        assert (never["status"], "console log" in never["remedy"]) == ("unknown", True)
        assert (lately["status"], "0 min ago" in lately["what"]) == ("ok", True)
        with socket.create_server(("127.0.0.1", port)):
            _, found = await told(capsys, world.config)
        [taken] = of(found, "[web]", "listens")
        assert (taken["status"], f"sport = :{port}" in taken["remedy"]) == ("wrong", True)


@pytest.mark.parametrize(
    ("version", "status", "remedy"),
    [
        pytest.param("9999", "wrong", "run the newer Gordon", id="newer"),
        pytest.param("0001", "warning", "`gordon backup` it before", id="older"),
        pytest.param(HEAD, "ok", "", id="of-this-program"),
    ],
)
async def test_the_schema_of_the_state_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str, status: str, remedy: str
) -> None:
    async with World(tmp_path, with_slack="socket") as world:
        (tmp_path / "state").mkdir()
        with sqlite3.connect(tmp_path / "state" / "gordon.db") as database:
            database.execute("CREATE TABLE alembic_version (version_num TEXT)")
            database.execute("INSERT INTO alembic_version VALUES (?)", (version,))
            database.execute("CREATE TABLE hook_deliveries (guid TEXT, name TEXT, at_s REAL)")
        database.close()
        _, found = await told(capsys, world.config)
        [schema] = of(found, STATE, "schema")
        assert (schema["status"], remedy in schema["remedy"]) == (status, True)


async def test_files_and_people_that_leave_gordon_open_or_useless_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with World(tmp_path, with_slack="socket") as world:
        world.config.chmod(0o660)
        people = tmp_path / "people.toml"
        people.write_text("[people.tianon]\ngithub_id = 102\n", encoding="utf-8")
        _, found = await told(capsys, world.config)
        assert f"chmod go-w {world.config}" in of(found, "configuration", "files")[0]["remedy"]
        assert of(found, "people", "roles")[0]["status"] == "wrong"


@pytest.mark.parametrize(
    ("free", "status"),
    [(3 << 30, "ok"), (1 << 30, "warning"), (100 << 20, "wrong")],
    ids=["room", "little", "next-to-none"],
)
def test_room_on_the_disk_is_told_before_it_is_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    """F31."""
    monkeypatch.setattr("shutil.disk_usage", lambda path: DiskUsage(4 << 30, (4 << 30) - free, free))
    [space] = [one for one in state(kept_in(tmp_path)) if one.check == "space"]
    assert (space.condition, "du -xh" in space.remedy) == (status, status != "ok")


@pytest.mark.parametrize(
    ("kind", "status", "remedy"),
    [
        pytest.param("xfs", "ok", "", id="a-disk"),
        pytest.param("nfs4", "wrong", "a disk of this machine", id="of-a-network"),
        pytest.param("tmpfs", "warning", "a folder on a disk", id="memory"),
    ],
)
def test_a_state_on_what_is_no_disk_of_this_machine_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, status: str, remedy: str
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 8:1 / / rw - {kind} whatever rw\n", encoding="utf-8")
    monkeypatch.setattr("bot.doctor_here.MOUNTS", mounts)
    [disk] = [one for one in state(kept_in(tmp_path)) if one.check == "disk"]
    assert (disk.condition, remedy in disk.remedy) == (status, True)


def test_a_state_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever is no root, whom nothing keeps out."""
    monkeypatch.setattr("os.access", lambda path, mode: False)
    [writable] = [one for one in state(kept_in(tmp_path)) if one.check == "writable"]
    assert (writable.condition, f"`chown gordon: {tmp_path}`" in writable.remedy) == ("wrong", True)


def kept_in(folder: Path) -> GordonSettings:
    return GordonSettings(CoreSettings(home="moby/moby", state=folder / "state"))


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:30 / /srv rw - nfs4 server:/srv rw
31 30 8:2 / /srv/fast\\040disk rw - xfs /dev/sdb rw
32 22 0:31 / /run rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        pytest.param("/var/lib/gordon", "ext4", id="the-root"),
        pytest.param("/srv/gordon", "nfs4", id="of-a-network"),
        pytest.param("/srv/fast disk/gordon", "xfs", id="a-disk-within-it"),
        pytest.param("/srvx", "ext4", id="no-path-below-a-name-that-begins-alike"),
        pytest.param("/run/gordon", "tmpfs", id="memory"),
    ],
)
def test_the_kind_of_disk_is_that_of_the_longest_mount(path: str, kind: str) -> None:
    assert kind_of(Path(path), MOUNTS) == kind


@pytest.mark.parametrize(
    ("ahead_s", "condition"),
    [
        pytest.param(29, Condition.OK, id="ours"),
        pytest.param(-31, Condition.WARNING, id="half-a-minute-behind"),
        pytest.param(301, Condition.WRONG, id="five-minutes-ahead"),
    ],
)
def test_a_clock_is_compared_with_ours(ahead_s: float, condition: Condition) -> None:
    assert JENKINS.clock(timedelta(seconds=ahead_s)).condition is condition


def test_a_certificate_is_told_of_two_weeks_before_its_end() -> None:
    conditions = [JENKINS.certificate(timedelta(days=days), "ci").condition for days in (15, 13)]
    assert conditions == [Condition.OK, Condition.WARNING]


@pytest.mark.parametrize("is_trusted", [True, False], ids=["trusted", "of-strangers"])
async def test_the_days_that_a_certificate_has_left_are_read_from_whoever_shows_it(
    tmp_path: Path, is_trusted: bool
) -> None:
    """One that nobody vouches for is told where it is used, and here it has no days."""
    shown, other = certificate(tmp_path / "shown", good_for=timedelta(days=9)), certificate(tmp_path / "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.file, shown.key)
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        left = await certificate_left(url, (shown if is_trusted else other).authority, 5.0)
    assert (left is not None) is is_trusted
    assert left is None or timedelta(days=8) < left <= timedelta(days=9)
    assert await certificate_left(url.replace("https", "http"), None, 5.0) is None


def test_the_worst_comes_first_with_its_line_and_lines_are_cut_to_the_terminal(tmp_path: Path) -> None:
    config = tmp_path / "gordon.toml"
    config.write_text('[jenkins.ci]\nurl = "http://127.0.0.1"\n', encoding="utf-8")
    found: list[Finding] = [
        JENKINS.well("version", "Jenkins 2.579"),
        JENKINS.unknown("may cancel", "nobody can tell"),
        JENKINS.well("clock", "its clock is ours"),
        JENKINS.wrong("reachable", "word " * 20, "mend it", ("jenkins", "ci", "url")),
    ]
    lines = list(lines_of(found, read(config), 60, is_coloured=False))
    assert lines[:2] == ["Jenkins ci", "  ok       version, clock"]
    assert lines[2].startswith("  wrong    word word")
    assert f"           → {config}:2:" in "\n".join(lines)
    assert max(map(len, lines[:4])) <= 60
    assert lines[-1] == "1 wrong, 0 warning, 1 unknown, 2 ok"
    painted = "\n".join(lines_of(found, None, 60, is_coloured=True))
    assert "\x1b[1;31mwrong" in painted


def test_a_terminal_obeys_nothing_that_a_neighbour_says() -> None:
    """A14: the name of a branch or of a parameter is anybody's."""
    name = "feature%2F\x1b]0;x\x07\x1b[2J\u202e\x9b31m"
    lines = "".join(
        lines_of([JENKINS.wrong("slashes", f"{name} is out of reach", f"see {name}")], None, 100, is_coloured=False)
    )
    assert lines.count("feature%2F\N{REPLACEMENT CHARACTER}]0;x") == 2
    assert lines.isprintable()


@pytest.mark.parametrize(
    ("variable", "value", "is_coloured"),
    [("COLUMNS", "90", True), ("NO_COLOR", "1", False), ("TERM", "dumb", False)],
    ids=["terminal", "no-color", "dumb"],
)
def test_colours_are_for_terminals_that_want_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, is_coloured: bool
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name, usual in {"TERM": "xterm", "NO_COLOR": "", variable: value}.items():
        monkeypatch.setenv(name, usual)
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    assert doctor(tmp_path / "gordon.toml", as_json=False) == 2
    assert ("\x1b[" in terminal.getvalue()) is is_coloured
