"""The catalogue of causes: what is refused and why, that what is added counts at once and stays, and trials."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.audit import Audit
from bot.causes import KnownCauses
from bot.database import Database
from bot.diagnosis.catalogue import load_catalogue
from bot.diagnosis.signs import Signature
from bot.errors import UserError
from bot.fact_rows import FactRows
from bot.facts import Diagnosis, FailureClass, Kind, KnownCause
from bot.judging import Judge
from bot.live import Facts, Live
from bot.people import People
from bot.settings import CoreSettings, DiagnosisSettings, GordonSettings
from bot.trial import trials_of
from bot.values import Result
from tests.fact_rig import START, build, known
from tests.virtual_clock import VirtualClock

FROBNICATOR = KnownCause("frobnicator-gave-up", FailureClass.CI_CONFIG, True, r"frobnicator gave up on shelf \d+")
RED = b"+ hack/frobnicate 4711\nfrobnicator gave up on shelf 17 of aisle 3\nFinished: FAILURE\n"
GREEN = b"+ hack/frobnicate 4711\nall shelves are full\nFinished: SUCCESS\n"
SITE = """
[[signature]]
id = "shop-is-closed"
class = "network"
retry = "true"
regex = "the shop is closed"
example = "the shop is closed"
"""


@dataclass
class Shelf:
    """Logs that are kept, the newest first."""

    red: list[bytes] = field(default_factory=list)
    green: list[bytes] = field(default_factory=list)


@dataclass
class Scene:
    causes: KnownCauses
    judge: Judge
    shelf: Shelf
    audit: Audit
    file: Path
    rows: FactRows
    database: Database

    def cause_of(self, log: bytes) -> str:
        """Have a log judged as that of the next build would be."""
        return self.judge.verdict([log], "FAILURE").verdict.cause


@asynccontextmanager
async def scene(folder: Path, catalogues: Sequence[Path] = ()) -> AsyncIterator[Scene]:
    """Have a catalogue on a disk, begun as the program begins it."""
    settings = GordonSettings(
        gordon=CoreSettings(home="moby/moby"), diagnosis=DiagnosisSettings(catalogues=tuple(catalogues))
    )
    live, clock, file = Live(Facts(settings, People({}, {}))), VirtualClock(), folder / "known.toml"
    database = Database(folder / "gordon.db")
    try:
        audit, judge, shelf = Audit(database, clock, "host", lambda: "policy"), Judge(live, file), Shelf()
        causes = KnownCauses(
            database,
            judge,
            live,
            clock,
            audit,
            file,
            lambda is_green: ([log] for log in (shelf.green if is_green else shelf.red)),
        )
        await causes.begin()
        yield Scene(causes, judge, shelf, audit, file, FactRows(database), database)
    finally:
        await asyncio.to_thread(database.close)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "shop.toml"
    file.write_text(SITE)
    return file


async def test_what_is_added_is_known_at_once_and_after_a_restart(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.shelf.red, it.shelf.green = [RED, b"other\n", RED], [GREEN] * 20
        assert it.cause_of(RED) != FROBNICATOR.id
        trial = await it.causes.add(FROBNICATOR, "tianon")
        assert (trial.reds, trial.reds_tried, trial.greens, trial.greens_tried) == (2, 3, 0, 20)
        assert trial.hits[0] == "frobnicator gave up on shelf 17 of aisle 3"
        assert it.cause_of(RED) == FROBNICATOR.id
    async with scene(tmp_path) as it:
        assert it.cause_of(RED) == FROBNICATOR.id
        [found] = await it.causes.list("frobnic")
        assert found == replace(FROBNICATOR, origin="tianon", is_added=True)
        await it.causes.remove(FROBNICATOR.id, "tianon")
        assert it.cause_of(RED) != FROBNICATOR.id
    async with scene(tmp_path) as it:
        assert it.cause_of(RED) != FROBNICATOR.id


async def test_a_crash_before_the_file_was_written_loses_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.causes.add(FROBNICATOR, "tianon")
    (tmp_path / "known.toml").write_text("[[signature]]\nid = ")
    async with scene(tmp_path) as it:
        assert it.cause_of(RED) == FROBNICATOR.id


async def test_the_file_holds_expressions_as_they_are(tmp_path: Path) -> None:
    regexes = {
        "quotes-blanks-backslashes": r"""gave "up"  on 'shelf'\s+\d{1,3} \\ \[x\]""",
        "letters-beyond-ascii": "Größe \N{SNOWMAN} \N{PILE OF POO} geändert",
        "what-ends-a-string": "three \"\"\" and ''' of them # no remark",
    }
    async with scene(tmp_path) as it:
        for cause_id, regex in regexes.items():
            await it.causes.add(replace(FROBNICATOR, id=cause_id, regex=regex), "tianon")
        signs = [sign for sign in load_catalogue([it.file], shipped=False).signs if isinstance(sign, Signature)]
        assert {sign.id: sign.regex for sign in signs} == regexes
        assert {(sign.retry, sign.failure_class) for sign in signs} == {("true", FailureClass.CI_CONFIG)}


REFUSED = {
    "id": ("Frobnicator", "gave up on shelf", "lower case letters, digits and hyphens only"),
    "id-of-ours": ("docker-init-rootfs", "gave up on shelf", "it comes with Gordon; choose another id"),
    "id-of-the-site": ("shop-is-closed", "gave up on shelf", "it comes from shop.toml; choose"),
    "id-of-somebody": ("taken", "gave up on shelf", "it was added by jess; choose another id"),
    "expression": ("x", "the shop is closed", "known as shop-is-closed, which comes from shop.toml"),
    "expression-of-somebody": ("x", "taken by somebody", "known as taken, which was added by jess"),
    "open-group": ("x", "gave up (", "missing ): gave up ("),
    "everything": ("x", ".*", "is found in nothing at all"),
    "nothing-needed": ("x", "[a-z]*|gave up", "is found in nothing at all"),
    "A27-back-reference": ("x", r"(gave|took) \1", "back-reference"),
    "A27-look-ahead": ("x", "gave (?=up)", "looks around"),
    "A27-too-many-steps": ("x", "((a{1,100}){1,100}){1,100}b", ""),
    "A27-possessive": ("x", "gave++ up", "possessive"),
    "A27-too-long": ("x", "y" * 2001, "longer than 2000"),
    "too-broad": ("x", "shelves are", "in 20 of 20 logs of builds that passed"),
}


async def test_what_is_refused_says_why(tmp_path: Path, site: Path) -> None:
    async with scene(tmp_path, [site]) as it:
        await it.causes.add(KnownCause("taken", FailureClass.NETWORK, None, "taken by somebody"), "jess")
        it.shelf.green = [GREEN] * 20
        before = it.file.read_text()
        for name, (cause_id, regex, why) in REFUSED.items():
            for give in (it.causes.weigh, it.causes.add):
                with pytest.raises(UserError) as told:
                    await give(KnownCause(cause_id, FailureClass.NETWORK, True, regex), "tianon")
                assert why in str(told.value), name
                assert "\n" not in str(told.value), name
        assert it.file.read_text() == before


async def test_more_than_a_tenth_of_the_green_logs_is_too_much(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.shelf.green = [RED] * 3 + [GREEN] * 17
        with pytest.raises(UserError, match="found in 3 of 20 logs of builds that passed"):
            await it.causes.add(FROBNICATOR, "tianon")
        it.shelf.green = [RED] * 2 + [GREEN] * 18
        assert (await it.causes.add(FROBNICATOR, "tianon")).greens == 2


async def test_without_a_green_log_it_is_unproven(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        assert (await it.causes.add(FROBNICATOR, "tianon")).is_unproven
        [found] = await it.causes.list(FROBNICATOR.id)
        assert found.is_unproven


async def test_of_two_who_add_one_id_at_once_one_is_told(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        other = replace(FROBNICATOR, regex="frobnicator gave up")
        ended = await asyncio.gather(
            it.causes.add(FROBNICATOR, "tianon"), it.causes.add(other, "jess"), return_exceptions=True
        )
        [lost] = [str(one) for one in ended if isinstance(one, BaseException)]
        assert "is there already: it was added by" in lost
        assert len(await it.causes.list("frobnicator")) == 1


async def test_the_same_once_more_changes_nothing(tmp_path: Path) -> None:
    """A handler that is run again after a crash gives the same."""
    async with scene(tmp_path) as it:
        await it.causes.add(FROBNICATOR, "tianon")
        it.shelf.green = [GREEN]
        await it.causes.add(FROBNICATOR, "tianon")
        records = await it.audit.newest(10)
        assert [record["effect"] for record in records] == ["known add"]
        with pytest.raises(UserError, match="added by tianon"):
            await it.causes.add(FROBNICATOR, "jess")


async def test_the_record_has_the_whole_definition_and_no_secret(tmp_path: Path) -> None:
    """A26: somebody may paste a line with its secret."""
    async with scene(tmp_path) as it:
        await it.causes.add(replace(FROBNICATOR, regex="gave up with token=hunter2secret on shelf"), "tianon")
        [record] = await it.audit.newest(10)
        assert record["person"] == "tianon"
        assert record["params_redacted"] == {
            "id": FROBNICATOR.id,
            "class": "ci-config",
            "retry": "true",
            "regex": "gave up with token=[secret] on shelf",
            "unproven": "true",
        }
        assert "hunter2secret" not in json.dumps(record)


@pytest.mark.parametrize(
    ("cause_id", "why"),
    [
        pytest.param("nope", 'no signature "nope" is there', id="none"),
        pytest.param("docker-init-rootfs", "comes with Gordon, so it cannot be removed in chat", id="ours"),
        pytest.param("shop-is-closed", "comes from shop.toml, so it cannot be removed in chat", id="of-the-site"),
    ],
)
async def test_only_what_was_added_in_chat_is_removed_there(
    tmp_path: Path, site: Path, cause_id: str, why: str
) -> None:
    async with scene(tmp_path, [site]) as it:
        with pytest.raises(UserError, match=why):
            await it.causes.remove(cause_id, "tianon")


async def test_a_file_that_gets_the_same_id_later_wins(tmp_path: Path, site: Path) -> None:
    async with scene(tmp_path) as it:
        await it.causes.add(replace(FROBNICATOR, id="shop-is-closed"), "tianon")
        await it.causes.add(replace(FROBNICATOR, regex="frobnicator gave"), "tianon")
    async with scene(tmp_path, [site]) as it:
        assert it.cause_of(b"the shop is closed\nFinished: FAILURE\n") == "shop-is-closed"
        assert it.cause_of(RED) == FROBNICATOR.id
        assert "shop-is-closed" not in it.file.read_text()


async def test_a_catalogue_of_the_site_that_broke_is_told_and_stops_nothing(
    tmp_path: Path, site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(tmp_path, [site]) as it:
        await it.causes.add(FROBNICATOR, "tianon")
    (tmp_path / site.name).write_text("[[signature]]\nid = ")
    async with scene(tmp_path, [site]) as it:
        assert "what was added in chat may not be searched for" in caplog.text
        with pytest.raises(UserError, match=r"the catalogues of known causes cannot be read: .*shop\.toml"):
            await it.causes.list()


async def test_a_list_by_a_word_tells_where_each_is_from(tmp_path: Path, site: Path) -> None:
    async with scene(tmp_path, [site]) as it:
        await it.causes.add(FROBNICATOR, "tianon")
        found = await it.causes.list()
        assert [one.origin for one in found[:2]] == ["tianon", "shop.toml"]
        assert {one.origin for one in found[2:]} == {"gordon"}
        assert len(found) > 100
        assert [one.id for one in await it.causes.list("SHELF")] == [FROBNICATOR.id]
        assert {one.failure_class for one in await it.causes.list("docker-daemon")} >= {FailureClass.DOCKER_DAEMON}


async def test_a_trial_tells_what_is_wrong_or_where_it_is_found(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.shelf.red, it.shelf.green = [RED] * 5, [GREEN] * 4
        assert "looks around" in (await it.causes.trial("gave (?=up)")).wrong[0]
        trial = await it.causes.trial("shelf|shelves")
        assert (trial.reds, trial.reds_tried, trial.greens, trial.greens_tried) == (5, 5, 4, 4)
        assert len(trial.hits) == 3
        assert trial.is_too_broad


def test_an_expression_that_is_slow_to_look_for_is_refused() -> None:
    """A27: 100 ms of processor time for each MiB, measured on the logs themselves."""
    text = random.Random(7).randbytes(300_000).translate(b"ab" * 128)
    log = b"c\n".join(text[at : at + 200] for at in range(0, len(text), 200))
    slow, fast = (Signature(id="x", regex=regex, example="", retry="unknown") for regex in ("a[ab]{20}d", "gave up"))
    [trial] = trials_of([slow], [[log]], [])
    assert "takes too long to look for" in trial.wrong[0]
    [trial] = trials_of([fast], [[log]], [])
    assert not trial.wrong


async def test_what_nothing_explains_comes_with_a_signature_that_was_tried(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.shelf.red, it.shelf.green = [RED] * 3, [GREEN] * 20
        unexplained = [
            build(
                number,
                Result.FAILURE,
                after_h=number / 60,
                diagnosis=Diagnosis(
                    Kind.UNKNOWN,
                    FailureClass.UNKNOWN,
                    text=f"frobnicator gave up on shelf {number} of aisle 3",
                    fingerprint=f"f{number % 2}",
                ),
            )
            for number in range(1, 9)
        ]
        explained = known(build(20, Result.FAILURE), Diagnosis(Kind.KNOWN_INFRA, FailureClass.SCM, "x", text="y"))
        signed = Diagnosis(
            Kind.NEW_FAILURE, FailureClass.CI_CONFIG, "docker-sock-permission", text="z", fingerprint="z"
        )
        shaped = Diagnosis(Kind.NEW_FAILURE, FailureClass.TEST_FAILURE, "go-test-failed", text="--- F", fingerprint="g")
        facts = [
            *unexplained,
            explained,
            build(21),
            known(build(22, Result.FAILURE), signed),
            known(build(23, Result.UNSTABLE), shaped),
            build(24, Result.FAILURE, after_h=-31 * 24),
            replace(unexplained[0], request_id="c", cell="FS=aufs"),
        ]
        await it.database.write(lambda db: [it.rows.insert(db, fact) for fact in facts])
        largest, second = await it.causes.unknown()
        assert (largest.count, largest.knows, largest.regex) == (8, 8, r"frobnicator gave up on shelf \d+ of aisle 3")
        assert (largest.reds, largest.reds_tried, largest.greens, largest.greens_tried) == (3, 3, 0, 20)
        assert (largest.jobs, largest.last) == (("docker-prs",), START + timedelta(minutes=8))
        assert [ref.number for ref in largest.builds] == [8, 7, 6, 5, 4, 3, 2, 1]
        assert (second.count, second.regex, second.why_none) == (1, "", "their lines have too few words in common")
        it.shelf.green = [RED] + [GREEN] * 19
        [largest, _] = await it.causes.unknown()
        assert (largest.regex, largest.why_none) == ("", "is in 1 of 20 green logs, too")
        assert [one.count for one in await it.causes.unknown(at_most=1)] == [8]
        it.shelf.green = []
        await it.causes.add(FROBNICATOR, "tianon")
        assert [one.text for one in await it.causes.unknown()] == ["--- F"]


async def test_nothing_is_unexplained(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        assert await it.causes.unknown() == []
