"""A page of the cards that Gordon makes, as Slack shows them: `python -m tests.slack_gallery gallery.html`.

None of them is made up: Gordons run in small worlds where builds fail, and what they say is shown.
"""

import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bot.adapters.slack_blocks import blocks_of, disabled, fallback
from bot.adapters.slack_pictures import alt_of, draw
from bot.chat import Card, Words
from bot.clock import SystemClock
from bot.demo.slack import moby
from bot.demo.world import CHANNEL, CONTEXTS, REPO, World
from bot.testing import NETWORK, EditableChat
from tests.slack_page import image, message, page, view
from tests.world.failing import COMPILE_ERROR, FLAKE, REAL, UNEXPLAINED, Tries, failing, fleet
from tests.world.honesty import until
from tests.world.slack_rig import on_slack
from tests.world.test_pushes_grid import AUFS, ZFS, is_over, site

Said = tuple[str, Words]  # with what was typed, or what had happened
BY = moby.TIANON
HERE = f"{NETWORK}/{CHANNEL}"
SPEED = 10.0  # GitHub wants a second between two writes
CONFIG = f"""
[plugin.pulls]
gather_s = 0.1
[plugin.pulls.channel."{HERE}"]

[plugin.retries]
causes = []

[plugin.notices.list.morning]
at = "daily 09:00"
to = ["{HERE}"]
commands = ["prs", "queue"]
"""
HOSTILE = "<!channel> *bold* `code` _it_ <https://evil.test|docs> & \u202egnp"
# What is said in one world, one after the other: who, and what.
SAID = (
    ("tianon", "status moby#1"),
    ("tianon", "why moby#1"),
    ("tianon", "why docker-prs#1"),
    ("tianon", "log docker-prs#1"),
    ("tianon", "pr moby#1"),
    ("tianon", "review moby#1"),
    ("tianon", "prs"),
    ("tianon", "alru"),
    ("tianon", "known"),
    ("tianon", "known add shelf test-flake true frobnicator gave up"),
    ("tianon", "unknown"),
    ("tianon", "flakes"),
    ("tianon", "nodes"),
    ("tianon", "queue"),
    ("tianon", "running"),
    ("tianon", "watch moby#1"),
    ("tianon", "watches"),
    ("tianon", "whoami"),
    ("tianon", "schedule add daily 09:00 prs"),
    ("tianon", "notices"),
    ("tianon", "digest"),
    ("tianon", "help"),
    ("tianon", "help rebuild"),
    ("tianon", "frobnicate"),
    ("newcomer", "override moby#2 janky it is fine"),
    ("icecrime", "audit"),
)


async def written(folder: Path) -> str:
    """Run through what happens in worlds in a folder, and write the page of what was said of it."""
    said = [*await failures(folder / "failures"), *await storm(folder / "storm"), *await push(folder / "push")]
    return gallery(said, *await views(folder / "views"))


async def failures(folder: Path) -> list[Said]:
    """Let builds of pull requests fail for several reasons, and ask for all that people ask for."""
    tries = Tries().always("janky", REAL).of("experimental", FLAKE).always("lxc", COMPILE_ERROR)
    tries.always("windows", UNEXPLAINED)
    chat, clock, found = EditableChat(), SystemClock(speed=SPEED), list[Said]()
    async with failing(folder, tries, config=CONFIG, agents=fleet(4), with_hook=True, chat=chat, clock=clock) as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        number = gordon.world.github.open_pull(REPO, title=HOSTILE, author="newcomer")
        await chat.line("opened by newcomer")
        await gordon.say("tianon", "rebuild moby#1 all", expect="queued")
        for context in CONTEXTS:
            await chat.line(f"{context} #1 failed")
        await gordon.say("tianon", f"rebuild moby#{number} janky", expect="queued")
        await chat.line("janky #2 failed")
        found += [("said by itself", words) for words in chat.messages]
        for who, typed in SAID:
            before = len(chat.versions)
            await gordon.say(who, typed)
            found += [(f"{who}: {typed}", words) for words in list(chat.messages)[before:]]
    return found


async def storm(folder: Path) -> list[Said]:
    """Let builds fail alike."""

    def soon(world: World) -> None:
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(text.replace("[plugin.failures]\n", "[plugin.failures]\nstorm_builds = 2\n"))

    chat = EditableChat()
    tries = Tries().always("janky", COMPILE_ERROR)
    async with failing(folder, tries, prepare=soon, chat=chat, clock=SystemClock(speed=SPEED)) as gordon:
        for number in (1, 2, 3):
            await gordon.say("tianon", f"rebuild moby#{number} janky", expect="queued")
        return [("a storm", await chat.card(lambda card: "builds failed alike" in card.title))]


async def push(folder: Path) -> list[Said]:
    """Push to a branch whose cells are built, and let two of them fail."""
    chat = EditableChat()
    async with site(folder, chat) as (_, master):
        last = await chat.card(is_over(master.push(AUFS, ZFS)))
        versions = next(versions for versions in chat.versions.values() if versions[-1] is last)
        return [("a push that has begun", versions[0]), ("a push that is over", last)]


async def views(folder: Path) -> list[tuple[str, str]]:
    """Open the Home tab and the form of a job on the Slack of the demo."""
    async with on_slack(folder) as gordon:
        await gordon.asks(moby.TIANON, "watch moby#1", expect="moby#1")
        gordon.acts.opens_home(moby.TIANON)
        gordon.acts.slash(moby.TIANON, "build base-image", moby.DOCKER_DEV)
        kept = gordon.workspace
        home = await gordon.until(lambda: next((one.view for one in kept.homes.values()), None))
        form = await gordon.until(lambda: next((one.view for one in kept.views.values() if "submit" in one.view), None))
        return [("the Home tab", view(home)), ("the form of build base-image", view(form))]


def gallery(found: list[Said], *shown_views: tuple[str, str]) -> str:
    """Write the page of what was said, a card with a button that was pressed, and some views."""
    shown = [(name, drawn(words, to=BY if ": " in name else ""), fallback(words)) for name, words in found]
    card = next(words for _, words in found if isinstance(words, Card) and len(words.buttons) > 1)
    pressed = disabled(blocks_of(card), "press.1", BY)
    loud = replace(
        card, lines=(*card.lines, HOSTILE), fields={**card.fields, "note": HOSTILE}, quote=f"+ make\n{HOSTILE}"
    )
    shown.append(("a button that was pressed", message(pressed), fallback(card)))
    shown.append(("what somebody made up to call everybody", message(blocks_of(loud)), fallback(loud)))
    return page([*shown, *((name, html, "") for name, html in shown_views)])


def drawn(words: Words, to: str) -> str:
    """Write what was said, with the picture of its numbers below if it has one."""
    html = message(blocks_of(words, to=to))
    if isinstance(words, Card) and words.picture is not None:
        html += image(draw(words.picture), alt_of(words.picture))
    return html


def main() -> int:
    """Write the page to the file that is named."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "gallery.html")
    with tempfile.TemporaryDirectory() as folder:
        path.write_text(asyncio.run(written(Path(folder))), encoding="utf-8")
    print(f"written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
