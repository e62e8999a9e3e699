"""The demo at a terminal: what there is, a prompt, and a channel in which things go on happening."""

import asyncio
import itertools
import random
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from prompt_toolkit import print_formatted_text
from prompt_toolkit.formatted_text import FormattedText

from bot.adapters.console import Console
from bot.adapters.irc_wire import sanitise
from bot.app import App
from bot.clock import SystemClock
from bot.demo import libcontainer, pull_queue
from bot.demo.fates import AGENTS, DEVICEMAPPER, IS_NOT_FORMATTED, Fates
from bot.demo.irc import Said
from bot.demo.world import CHANNEL, CLOSED, CONTEXTS, REPO, World

SPEED = 20.0  # a build of 6 minutes takes 18 seconds: time to look at it, not to wait for it
YOU = "tianon"
CROSBYMICHAEL, VIEUX = "crosbymichael", "vieux"  # scripted; the others' nicks are free for IRC clients
FIRST_S, PAUSE_S, JITTER_S = 12.0, 40.0, 15.0  # real seconds: slow enough to type in between
OUTAGE_S = 400.0
NUMBERS = {"poll_s": 10, "gather_s": 30, "again_after_s": 20, "line_every_s": 1}
OUTSIDER = "newcomer"
NEW_PULLS_OF_OUTSIDERS = ("Find cgroups by mountinfo", "Set memory.swappiness", "Write cgroup files at once")
NEW_PULLS = (
    "Pull images by digest",
    "Lock the graph driver while it mounts",
    "Do not lose the exit code of a killed container",
    "Docs: how to remove dangling images",
)


async def show(folder: Path, log: Path) -> int:
    """Run the world with a prompt until Ctrl-D; return the exit status."""
    clock, port = SystemClock(SPEED), _free_port()
    world = World(
        folder,
        clock=clock,
        with_irc=True,
        with_hook=True,
        with_second=True,
        web_port=port,
        executors=8,
        agents=AGENTS,
        numbers=NUMBERS,
    )
    async with world:
        irc = world.irc
        assert irc is not None
        world.build_of(Fates({(3, "janky"): DEVICEMAPPER, (3, "lxc"): IS_NOT_FORMATTED}, random.Random()))
        console = Console(
            YOU,
            history=None,
            completions=lambda: [command.usage.text for command in app.registry.commands.values()],
            toolbar=lambda: f" IRC 127.0.0.1 {world.irc_port} {CHANNEL} | Jenkins {world.jenkins.url} | Ctrl-D ends",
        )
        pull_queue.configure(world)
        app = world.gordon(console)
        irc.on_message(_show_said)
        for row in welcome(world, log, port):
            print_formatted_text(FormattedText(row))
        for nick in (CROSBYMICHAEL, VIEUX):
            irc.join(nick, CHANNEL)  # now, so that no client takes their nicks
        running = asyncio.create_task(app.run())
        living = asyncio.create_task(_live(world, app))
        try:
            await asyncio.wait({running, living}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            app.stop()
            status = await running
            living.cancel()
            await asyncio.wait({living})
        if not living.cancelled():
            living.result()
        return status


def welcome(world: World, log: Path, port: int) -> list[list[tuple[str, str]]]:
    """Say what there is and what one may do here, as rows of styles and texts.

    Arguments:
        port: where Gordon listens.
    """
    pulls = [f"moby#{number} {title}, by {author}" for number, title, author in world.github.pulls(REPO)]
    pulls.append(f"moby#{CLOSED} is closed")
    facts = [
        *zip([REPO, *[""] * len(pulls)], pulls, strict=False),
        (libcontainer.REPO, "none yet; they are built by themselves, once signed off and, of outsiders, ok to test"),
        ("contexts", f"{', '.join(CONTEXTS)}; of libcontainer {', '.join(libcontainer.CONTEXTS)}"),
        ("jobs", ", ".join(CONTEXTS.values())),
        ("", "base-image, which takes PLATFORM=el6, el7 or jessie"),
        ("people", f"{YOU}: maintainer, and you here; icecrime: operator; jess: triager; newcomer"),
        ("IRC", f"/connect 127.0.0.1 {world.irc_port}, then /join {CHANNEL}"),
        ("", "your nick tells who you are; commands begin with ! there, as in !rebuild moby#1"),
        ("page", f"http://127.0.0.1:{port}/ in a browser shows how all of it stands"),
        ("log", f"{log}, gone when the demo ends"),
        ("doctor", f"in a second terminal: {_gordon()} doctor {world.config}"),
    ]
    tries = [
        "rebuild moby#1",
        "status moby#1",
        "running",
        "why moby#3",
        "flakes",
        "build base-image PLATFORM=el7",
        "ok to test libcontainer#1",
        "mute libcontainer#1 2h",
        "prs libcontainer",
        "pr moby#2",
        'schedule add "every 5m" prs new',
        "help",
    ]
    return [
        [("bold", "Gordon, with a Jenkins, a GitHub and an IRC network of its own, all on this machine.")],
        [("", f"A minute there takes {60 / SPEED:g} seconds here. Tab completes, quit or Ctrl-D ends.")],
        [],
        *([("bold", f"{name:<20}"), ("", text)] for name, text in facts),
        [],
        [("bold", f"{'try':<20}"), *(piece for word in tries for piece in (("ansigreen", word), ("", "   ")))],
        [],
    ]


def _gordon() -> str:
    """Write what one types for `gordon` in another terminal: its path, as `make` puts it where no shell looks."""
    beside = Path(sys.executable).with_name("gordon")
    return str(beside) if shutil.which("gordon") is None and beside.exists() else "gordon"


def _free_port() -> int:
    """Find a port for Gordon, which whoever asks it how it is has to know."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


async def _live(world: World, app: App) -> None:
    """Let something happen now and then."""
    await world.send_webhook_to(app)
    acts: tuple[Callable[[World], Awaitable[None]], ...] = (
        _open_as_outsider,
        _ask_first,
        _open,
        _look,
        _push,
        _ask_why,
        _ask_failed,
        _push_as_outsider,
        _outage,
    )
    await asyncio.sleep(FIRST_S)
    for act in itertools.cycle(acts):
        await act(world)
        await asyncio.sleep(PAUSE_S + random.uniform(-JITTER_S, JITTER_S))


async def _ask_first(world: World) -> None:
    _say(world, CROSBYMICHAEL, "!rebuild moby#3")


async def _open(world: World) -> None:
    title = random.choice(NEW_PULLS)
    number = world.github.open_pull(REPO, title=title, author=VIEUX)
    _tell(f"{VIEUX} opens moby#{number}: {title}")
    _say(world, VIEUX, f"!rebuild moby#{number}")


async def _open_as_outsider(world: World) -> None:
    title = random.choice(NEW_PULLS_OF_OUTSIDERS)
    message = libcontainer.signed(title, OUTSIDER)
    number = world.github.open_pull(libcontainer.REPO, title=title, author=OUTSIDER, message=message)
    _tell(f"{OUTSIDER} opens libcontainer#{number}: {title}")


async def _push_as_outsider(world: World) -> None:
    number = max(number for number, _, _ in world.github.pulls(libcontainer.REPO))
    head = world.github.push(libcontainer.REPO, number, message=libcontainer.signed("Mend it", OUTSIDER))
    _tell(f"{OUTSIDER} pushes to libcontainer#{number}: its head is {head:.7} now")


async def _look(world: World) -> None:
    _say(world, VIEUX, "!running")


async def _push(world: World) -> None:
    head = world.github.push(REPO, 2)
    _tell(f"jess pushes to moby#2: its head is {head:.7} now")
    _say(world, CROSBYMICHAEL, "!rebuild moby#2 janky experimental")


async def _ask_why(world: World) -> None:
    _say(world, VIEUX, "!why moby#3")


async def _ask_failed(world: World) -> None:
    _say(world, CROSBYMICHAEL, "!rebuild moby#3 failed")


async def _outage(world: World) -> None:
    _tell("Jenkins is restarted and answers 503; what ran on it is aborted")
    world.jenkins.begin_restart(OUTAGE_S)
    _say(world, VIEUX, "!rebuild moby#2 lxc")
    await world.clock.sleep(OUTAGE_S)
    _tell("Jenkins is back")


def _say(world: World, nick: str, text: str) -> None:
    assert world.irc is not None
    world.irc.say(nick, CHANNEL, text)


def _show_said(said: Said) -> None:
    if said.target == CHANNEL:
        colour = "ansigreen" if said.nick == "gordon" else "ansicyan"
        text = sanitise(said.text)
        print_formatted_text(
            FormattedText([("ansibrightblack", f"{CHANNEL} "), (colour, f"<{said.nick}> "), ("", text)])
        )


def _tell(text: str) -> None:
    print_formatted_text(FormattedText([("ansiyellow", f"-- {text}")]))
