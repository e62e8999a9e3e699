"""What channels hear of pull requests: a line each, of those that they want, and nothing twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.chat import Card
from bot.demo.github.records import FileRecord
from bot.demo.world import HOOK_SECRET, NUMBERS, REPO, World
from bot.testing import NETWORK, EditableChat
from plugins.pulls import AGAIN_S, FORGET_S, MAX_GATHERED
from plugins.pulls.told import MAX_NAMED
from tests.moved_clock import MovedClock
from tests.world.failing import Tries, failing
from tests.world.honesty import on_disk, until
from tests.world.pulls_rig import GATHER_S, ONLY, Site, announcing, table


async def test_what_happens_to_a_pull_request_is_a_line_each(tmp_path: Path) -> None:
    async with announcing(tmp_path) as here:
        number = here.open("tianon", 'Fix "volumes"')
        line = await here.hears(f"moby#{number} opened")
        assert line.startswith(f"moby#{number} opened by tianon: \"Fix 'volumes'\" (base master) http")
        here.github.ask_review(REPO, number, "jess", "vieux", by="tianon")
        assert await here.hears("review asked of jess, vieux: ")
        here.github.review(REPO, number, "CHANGES_REQUESTED", by="jess")
        assert await here.hears("changes requested by jess: ")
        here.github.review(REPO, number, "APPROVED", by="vieux")
        assert await here.hears(r"approved by vieux: .* \(by tianon\) http")
        here.github.close(REPO, number, by="tianon")
        assert await here.hears("closed by tianon: ")
        here.clock.move(2)
        here.github.reopen(REPO, number, by="tianon")
        assert await here.hears("reopened by tianon: ")
        here.clock.move(2)
        here.github.close(REPO, number, merged=True, by="jess")
        assert await here.hears(r"merged by jess: .* \(by tianon, base master\) http")
        assert len(here.told_of(number)) == 7


async def test_what_comes_close_together_is_one_line(tmp_path: Path) -> None:
    async with announcing(tmp_path) as here:
        number = here.open("tianon")
        here.github.ask_review(REPO, number, "jess", "vieux", "icecrime", by="tianon")
        here.github.review(REPO, number, "APPROVED", by="jess")
        await here.is_through()
        assert here.told_of(number) == [
            "opened by tianon, review asked of jess, vieux, icecrime, approved by jess",
        ]


PULLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "by jess": {"author": "jess"},
    "bug": {"labels": ("kind/bug",)},
    "wip": {"labels": ("wip", "kind/bug")},
    "docs": {"files": [FileRecord("docs/a.md")]},
    "release": {"base": "release"},
    "draft": {"draft": True},
    "machine": {"author": "dependabot[bot]"},
}
USUAL = {*PULLS} - {"draft", "machine"}
WANTED: list[tuple[str, str, set[str]]] = [
    ("everything", "", USUAL),
    ("of these repositories", 'repos = ["moby/*"]', USUAL),
    ("of other repositories", 'repos = ["docker/*"]', set()),
    ("by logins, in any case", 'authors = ["TIANON", "vie*"]', USUAL - {"by jess"}),
    ("by a pattern", 'authors = ["je*"]', {"by jess"}),
    ("not by", 'not_authors = ["tian?n"]', {"by jess"}),
    ("of a team", 'teams = ["moby/core"]', USUAL - {"by jess"}),
    ("of a team or by", 'teams = ["moby/core"]\nauthors = ["jess"]', USUAL),
    ("of a team that nobody tells", 'teams = ["moby/hidden"]', USUAL),
    ("with a label", 'labels = ["KIND/*"]', {"bug", "wip"}),
    ("without a label", 'not_labels = ["WIP"]', USUAL - {"wip"}),
    ("with one and without another", 'labels = ["kind/*"]\nnot_labels = ["wip"]', {"bug"}),
    ("with paths", 'paths = ["/docs/"]', {"docs"}),
    ("with other paths", 'paths = ["*.go", "!/docs/"]', USUAL - {"docs"}),
    ("for a base", 'bases = ["rel*"]', {"release"}),
    ("drafts too", "drafts = true", USUAL | {"draft"}),
    ("machines too", "bots = true", USUAL | {"machine"}),
    ("one machine not", 'bots = true\nnot_authors = ["dependabot[bot]"]', USUAL),
    ("other events", 'events = ["merged"]', set()),
    ("these events", 'events = ["opened", "pushed"]', USUAL),
]


async def test_a_place_hears_of_what_it_wants(tmp_path: Path) -> None:
    """Each place of the table is one of the same Gordon; which files are changed is asked once for all of them."""
    more = "".join(table(keys, f"{NETWORK}/#{number}") for number, (_, keys, _) in enumerate(WANTED))

    def prepare(world: World) -> None:
        world.github.teams.add("moby/core", "tianon", "icecrime")

    async with announcing(tmp_path, more=more, prepare=prepare) as here:
        known = {here.open(**{"title": name, **how}): name for name, how in PULLS.items()}

        def heard() -> list[tuple[str, set[str]]]:
            at = [(name, here.heard_at(f"#{number}")) for number, (name, *_) in enumerate(WANTED)]
            return [(name, {known[of] for of in found if of in known}) for name, found in at]

        await here.passes(
            lambda: all(wanted <= found for (*_, wanted), (_, found) in zip(WANTED, heard(), strict=True))
        )
        await here.is_through()
        assert heard() == [(name, wanted) for name, _, wanted in WANTED]
        for number, name in known.items():
            asked = [one for one in here.github.requests if f"/pulls/{number}/files?" in one.path]
            assert len(asked) == (name in USUAL), name


@pytest.mark.parametrize(
    ("config", "lines"),
    [
        pytest.param("", 0, id="nothing-configured"),
        pytest.param("[plugin.pulls]\nannounce = true\n", 1, id="announced"),
    ],
)
async def test_nothing_is_said_where_nobody_wants_it(tmp_path: Path, config: str, lines: int) -> None:
    """An update makes no noise: what a repository announces are its builds, unless `announce` says otherwise."""
    clock = MovedClock()
    async with failing(tmp_path, Tries(), config=config, plugins=ONLY, with_hook=True, clock=clock) as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        here = Site(gordon, clock)
        number = here.open("tianon")
        await here.github.hooks.settled()
        await here.passes(lambda: clock.ahead_s > 30 and len(here.told_of(number)) == lines)


async def test_a_draft_is_told_when_it_is_ready(tmp_path: Path) -> None:
    async with announcing(tmp_path) as here:
        number = here.open("jess", draft=True)
        here.github.ask_review(REPO, number, "vieux")
        await here.is_through()
        assert here.told_of(number) == []
        here.clock.move(2)
        here.github.ready(REPO, number, by="jess")
        line = await here.hears(f"moby#{number} ready for review by jess: ")
        assert "(by jess, base master)" in line
        assert len(here.told_of(number)) == 1


async def test_pushes_edits_and_labels_are_told_where_they_are_wanted(tmp_path: Path) -> None:
    async with announcing(tmp_path, 'events = ["pushed", "edited", "labelled", "draft", "dismissed"]') as here:
        number = here.open("jess")
        review = here.github.review(REPO, number, "APPROVED", by="vieux")
        await here.github.hooks.settled()
        steps: list[tuple[Callable[[], object], str]] = [
            (lambda: here.github.push(REPO, number), r"pushed to( by jess)?: "),
            (lambda: here.github.edit(REPO, number, title="Fix more", by="jess"), "title changed by jess: "),
            (lambda: here.github.label(REPO, number, "wip", by="vieux"), r"labelled \+wip by vieux: "),
            (lambda: here.github.unlabel(REPO, number, "wip", by="vieux"), "labelled -wip by vieux: "),
            (lambda: here.github.dismiss_review(REPO, number, review, by="jess"), "review of vieux dismissed by jess"),
            (lambda: here.github.unready(REPO, number, by="jess"), "made a draft by jess: "),
        ]
        for do, pattern in steps:
            here.clock.move(2)
            do()
            await here.hears(f"^moby#{number} {pattern}")
        assert len(here.told_of(number)) == len(steps)


async def test_what_gordon_does_itself_is_not_told(tmp_path: Path) -> None:
    more = table('events = ["labelled"]\nown = true', f"{NETWORK}/#own")
    async with announcing(tmp_path, 'events = ["labelled", "opened"]', more=more) as here:
        number = here.open("jess")
        await here.hears(f"moby#{number} opened")
        here.github.label(REPO, number, "dco/no", by="gordon-bot")
        await here.is_through()
        assert here.told_of(number) == ["opened by jess", "labelled +dco/no by gordon-bot"]
        assert here.heard_at("#own") == {number}


@pytest.mark.parametrize(
    ("keys", "is_known"),
    [
        pytest.param('paths = ["*.go"]', True, id="which-files-it-changes"),
        pytest.param("", False, id="whether-gordon-did-it-itself"),
    ],
)
async def test_a_github_that_is_down_for_longer_than_anybody_waits_is_waited_for(
    tmp_path: Path, keys: str, is_known: bool
) -> None:
    """What is needed to tell of a pull request is asked for until there is an answer, and then it is told once."""
    async with announcing(tmp_path, keys) as here:
        if is_known:
            first = here.open("jess", files=[FileRecord("main.go")])
            await here.hears(f"moby#{first} opened")
        here.github.hooks.hold()
        number = here.open("jess", files=[FileRecord("main.go")])
        await here.github.down()
        here.github.hooks.release()
        await here.github.hooks.settled()
        over_s = here.clock.ahead_s + 3 * NUMBERS["patience_s"]
        await here.passes(lambda: here.clock.ahead_s > over_s, step_s=20)
        assert here.told_of(number) == []
        await here.github.up()
        await here.hears(f"moby#{number} opened", step_s=5)
        await here.is_through()
        assert here.told_of(number) == ["opened by jess"]
        dead = "SELECT count(*) FROM deliveries WHERE state = 'dead'"
        assert (await here.gordon.app.database.read(lambda db: db.execute(dead).fetchone()))[0] == 0


@pytest.mark.parametrize("status", [403, 404])
async def test_what_github_does_not_tell_of_files_is_announced(tmp_path: Path, status: int) -> None:
    """A token that may not read them keeps a pull request neither from who asks for paths nor from who does not."""
    async with announcing(tmp_path, more=table('paths = ["*.go"]', f"{NETWORK}/#paths")) as here:
        here.github.fail(status, path="/files", message="Resource not accessible by integration", times=9)
        number = here.open("jess")
        await here.passes(lambda: len(here.told_of(number)) == 2)
        assert number in here.heard_at("#paths")


async def test_a_flood_on_one_pull_request_during_an_outage_is_told_whole_and_once(tmp_path: Path) -> None:
    async with announcing(tmp_path, 'paths = ["*.go"]') as here:
        number = here.open("jess", files=[FileRecord("main.go")])
        await here.hears(f"moby#{number} opened")
        await here.github.down()
        for step in range(MAX_GATHERED + 10):
            here.github.review(REPO, number, "COMMENTED", by=f"reviewer-{step}")
        await here.github.hooks.settled()
        await until(lambda: here.gordon.app.work.lag() == 0)
        over_s = here.clock.ahead_s + 3 * AGAIN_S
        await here.passes(lambda: here.clock.ahead_s > over_s, step_s=5)
        await here.github.up()
        line = await here.hears(f"moby#{number} reviewed", step_s=5)
        assert f" and {MAX_GATHERED + 10 - MAX_NAMED} more" in line
        await here.is_through()
        assert len(here.told_of(number)) == 2


async def test_a_title_neither_calls_nor_colours_nor_breaks_the_line(tmp_path: Path) -> None:
    async with announcing(tmp_path) as here:
        number = here.open("jess", title="\x0304red\x03\r\nQUIT :bye \u202etxt" + " long" * 60)
        line = await here.hears(f"moby#{number} opened")
        assert all(char.isprintable() for char in line)
        assert len(line.encode()) <= 400
        assert "http" in line


async def test_webhooks_that_come_twice_or_late_are_told_once(tmp_path: Path) -> None:
    """F16, F17: what two hooks tell of is one line, and what an old delivery tells again is none."""
    async with announcing(tmp_path) as here:
        [hook] = here.github.hooks.of(here.github.repo(REPO), "pull_request")
        here.github.add_hook(hook.url, HOOK_SECRET, org="moby")
        here.github.hooks.hold()
        number = here.open("jess")
        here.clock.move(2)
        here.github.close(REPO, number, by="jess")
        here.clock.move(2)
        here.github.reopen(REPO, number, by="jess")
        here.clock.move(2)
        here.github.close(REPO, number, merged=True, by="vieux")
        here.github.hooks.release(lambda found: reversed(found))
        await here.is_through()
        told = here.told_of(number)
        assert sum("merged" in one for one in told) == 1
        assert sum("opened" in one.replace("reopened", "") for one in told) <= 1
        before = len(here.told())
        await here.is_through()
        assert len(here.told()) == before + 1


async def test_what_is_muted_is_not_said_and_who_watches_hears_of_it(tmp_path: Path) -> None:
    async with announcing(tmp_path) as here:
        muted, other = here.open("jess"), here.open("jess")
        await here.hears(f"moby#{other} opened")
        await here.gordon.say("tianon", f"mute moby#{muted} here 2h", expect=f"moby#{muted}")
        await here.gordon.say("vieux", f"watch moby#{muted}", expect=f"moby#{muted}")
        before = len(here.gordon.chat.said)
        here.github.close(REPO, muted, merged=True, by="vieux")
        await here.is_through()
        heard = [
            (place.channel, place.private) for place, text in here.gordon.chat.said[before:] if f"#{muted} m" in text
        ]
        assert heard == [("vieux", True)]


async def test_where_it_can_be_edited_there_is_one_card_for_a_pull_request(tmp_path: Path) -> None:
    chat = EditableChat()
    async with announcing(tmp_path, chat=chat) as here:
        number = here.open("jess", title="Fix volumes")
        await here.passes(lambda: any(card.fields["state"] == "open" for card in cards(chat, number)))
        here.github.ask_review(REPO, number, "vieux", "tianon")
        await here.passes(lambda: any("asked" in card.fields for card in cards(chat, number)))
        here.github.review(REPO, number, "APPROVED", by="vieux")
        await here.passes(lambda: any("reviews" in card.fields for card in cards(chat, number)))
        here.github.close(REPO, number, merged=True, by="tianon")
        await here.passes(lambda: any(card.fields["state"] == "merged" for card in cards(chat, number)))
        [card] = cards(chat, number)
        assert card.title == f'moby#{number} "Fix volumes" by jess'
        assert card.fields["reviews"] == "approved by vieux"
        assert card.fields["asked"] == "tianon"
        assert card.lines[-1] == "merged by tianon"


def cards(chat: EditableChat, number: int) -> list[Card]:
    """List what people see of a pull request."""
    return [one for one in chat.messages if isinstance(one, Card) and one.slot == f"pull {REPO}#{number}"]


@pytest.mark.parametrize(
    "keys", [pytest.param("", id="its-end-is-told"), pytest.param('events = ["opened"]', id="nobody-asks-for-its-end")]
)
async def test_what_was_closed_is_forgotten_and_what_was_opened_again_is_not(tmp_path: Path, keys: str) -> None:
    async with announcing(tmp_path, keys) as here:
        closed, open_again = here.open("jess"), here.open("jess")
        await here.passes(lambda: here.told_of(closed) and here.told_of(open_again))
        for number in (closed, open_again):
            here.github.close(REPO, number, by="jess")
        here.clock.move(2)
        here.github.reopen(REPO, open_again, by="jess")
        await here.is_through()
        here.clock.move(FORGET_S + GATHER_S)
        kept = "SELECT count(*) FROM plugin_state WHERE plugin = 'pulls' AND key LIKE :key"
        await on_disk(here.gordon, kept, lambda count: count == 0, key=f"%#{closed}")
        await on_disk(here.gordon, kept, lambda count: count == 2, key=f"%#{open_again}")
