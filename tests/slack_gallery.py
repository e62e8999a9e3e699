"""A page of the cards that Gordon makes, as Slack shows them: `python -m tests.slack_gallery gallery.html`.

None of them is made up: two Gordons run in a small world where builds fail, and what they say is shown.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bot.adapters.slack_blocks import blocks_of, disabled, fallback
from bot.adapters.slack_views import About, form_view
from bot.chat import Card, Heard, Words
from bot.demo.world import CHANNEL, REPO
from bot.testing import NETWORK, EditableChat, Gordon
from bot.values import Place, Speaker
from tests.slack_page import message, page, view
from tests.world.failing import COMPILE_ERROR, FLAKE, REAL, UNEXPLAINED, Tries, failing, fleet
from tests.world.honesty import until
from tests.world.test_pushes_grid import AUFS, ZFS, is_over, site

BY = "U0TIANON"
HERE = f"{NETWORK}/{CHANNEL}"
STORM = 5  # builds that fail alike
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
    ("tianon", "rebuild open janky"),
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


@asynccontextmanager
async def failures(folder: Path, chat: EditableChat) -> AsyncIterator[Gordon]:
    """Run a Gordon where builds of pull requests fail for several reasons."""
    tries = Tries().always("janky", REAL).of("experimental", FLAKE).always("lxc", COMPILE_ERROR)
    tries.always("windows", UNEXPLAINED)
    async with failing(folder, tries, config=CONFIG, agents=fleet(4), with_hook=True, chat=chat) as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        yield gordon


async def written(folder: Path) -> str:
    """Run through what happens in worlds in a folder, and write the page of what was said of it."""
    found: list[tuple[str, Words]] = []
    chat = EditableChat()
    async with failures(folder / "failures", chat) as gordon:
        number = gordon.world.github.open_pull(REPO, title=HOSTILE, author="newcomer")
        gordon.world.github.comment(REPO, number, "looks fine to me", by="jess")
        await gordon.say("tianon", "rebuild moby#1 all", expect="queued")
        await chat.card(lambda card: "moby#1" in card.title and bool(card.buttons))
        await gordon.say("tianon", f"rebuild moby#{number} janky", expect="queued")
        await until(lambda: sum("failed" in line for line in gordon.lines) > 1)
        for who, typed in SAID:
            before = len(chat.versions)
            await gordon.say(who, typed)
            found += [(f"{who}: {typed}", words) for words in list(chat.messages)[before:]]
        asked = {id(words) for _, words in found}
        found += [("said by itself", words) for words in chat.messages if id(words) not in asked]
        form = await modal(gordon)
    chat = EditableChat()
    async with site(folder / "pushes", chat) as (_, master):
        red = master.push(AUFS, ZFS)
        last = await chat.card(is_over(red))
        versions = next(versions for versions in chat.versions.values() if versions[-1] is last)
        found += [("a push that has begun", versions[0]), ("a push that is over", last)]
    return gallery(found, form)


async def modal(gordon: Gordon) -> tuple[str, str]:
    """Ask for the form of a job, and write it as a modal."""
    speaker = Speaker(NETWORK, "tianon", "tianon", "test")
    asked = Heard("form", "build base-image", speaker, Place(NETWORK, CHANNEL, to="tianon"))
    return "the form of build base-image", view(form_view(await gordon.app.inside.form(asked), About()))


def gallery(found: list[tuple[str, Words]], *views: tuple[str, str]) -> str:
    """Write the page of what was said, a card with a button that was pressed, and some views."""
    shown = [(name, message(blocks_of(words, to=BY if ":" in name else "")), fallback(words)) for name, words in found]
    card = next(words for _, words in found if isinstance(words, Card) and len(words.buttons) > 1)
    pressed = disabled(blocks_of(card), "press.0", BY)
    loud = replace(
        card, lines=(*card.lines, HOSTILE), fields={**card.fields, "note": HOSTILE}, quote=f"+ make\n{HOSTILE}"
    )
    shown.append(("a button that was pressed", message(pressed), fallback(card)))
    shown.append(("what somebody made up to call everybody", message(blocks_of(loud)), fallback(loud)))
    return page([*shown, *((name, html, "") for name, html in views)])


def main() -> int:
    """Write the page to the file that is named."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "gallery.html")
    with tempfile.TemporaryDirectory() as folder:
        path.write_text(asyncio.run(written(Path(folder))), encoding="utf-8")
    print(f"written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
