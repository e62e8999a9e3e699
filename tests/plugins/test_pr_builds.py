"""Which contexts of a pull request are built, which have to wait, and what is remembered."""

import fnmatch
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from bot.errors import AtLimit, ConfigError, UserError
from bot.loader import read_settings
from bot.values import ChangedFile, Pull, PullRef, Status, StatusState, Trust
from plugins.pr_builds import plugin
from plugins.pr_builds.asking import card
from plugins.pr_builds.gates import GIVEN_UP, Held, failed, held, is_ours, waits
from plugins.pr_builds.memory import AT_MOST_S, LOST_S, MAX_COMMITS, PATIENCE_S, Memory, newest
from plugins.pr_builds.rules import MAX_FILES, PRESETS, PrBuildsSettings, RepoRules, Rule
from plugins.pr_builds.words import asking, is_ok

OLD, NEW = "3f2c1ab9" * 5, "9d0e4f21" * 5
PULL = Pull(
    PullRef("moby/moby", 7), "Fix", "icecrime", 7, NEW, "master", "icecrime/moby", "https://gh/7", mergeable=True
)
DRAFT = replace(PULL, draft=True)
OK = Trust("its author")


def changed(*paths: str) -> list[ChangedFile]:
    return [ChangedFile(path) for path in paths]


@pytest.mark.parametrize(
    ("rule", "files", "skipped"),
    [
        pytest.param(Rule(), changed("docs/a.md"), "", id="no-rule"),
        pytest.param(
            Rule(skip_if_only=("@docs",)), changed("docs/a.md", "docs/b/c.md"), "only docs changed", id="only-docs"
        ),
        pytest.param(Rule(skip_if_only=("@docs",)), changed("docs/a.md", "daemon/a.go"), "", id="docs-and-code"),
        pytest.param(Rule(skip_if_only=("@docs",)), changed("docsomething.go"), "", id="the-slash-that-leeroy-forgot"),
        pytest.param(Rule(skip_if_only=("@docs",)), changed("pkg/docs/a.go"), "", id="docs-of-another-folder"),
        pytest.param(Rule(skip_if_only=("@docs",)), [], "", id="no-files-are-code"),
        pytest.param(
            Rule(skip_if_only=("@docs",)),
            changed(*(f"docs/{n}.md" for n in range(MAX_FILES))),
            "",
            id="more-than-listed",
        ),
        pytest.param(
            Rule(skip_if_only=("@docs",)), [ChangedFile("docs/a.md", "renamed", "daemon/a.go")], "", id="moved-to-docs"
        ),
        pytest.param(
            Rule(skip_if_only=("@non-code",)),
            changed("man/docker.1.md", "experimental/x/y.md", "contrib/completion/x", "contrib/mkimage-yum.sh"),
            "only docs and the like changed",
            id="non-code",
        ),
        pytest.param(Rule(skip_if_only=("@non-code",)), changed("man/Dockerfile"), "", id="no-text-in-man"),
        pytest.param(Rule(skip_if_only=("@non-code",)), changed("contrib/mkimages.go"), "", id="nearly-such-script"),
        pytest.param(
            Rule(skip_if_only=("@docs", "@vendor")),
            changed("vendor/a.go", "docs/a.md"),
            "only docs and what is vendored changed",
            id="two-sets",
        ),
        pytest.param(
            Rule(skip_if_only=("*.md",)), changed("a/b.md"), "only files that it leaves out changed", id="own-patterns"
        ),
        pytest.param(Rule(only_if=("@vendor",)), changed("hack/vendor.sh"), "", id="only-if-it-is-there"),
        pytest.param(
            Rule(only_if=("@vendor",)), changed("vendored.go"), "no change of what is vendored", id="only-if-it-is-not"
        ),
        pytest.param(Rule(only_if=("/lxc/", "!/lxc/*.md")), changed("lxc/a.go"), "", id="taken-back-of-others"),
        pytest.param(
            Rule(only_if=("/lxc/", "!/lxc/*.md")),
            changed("lxc/a.md"),
            "no change of the files that it is for",
            id="taken-back",
        ),
        pytest.param(
            Rule(only_if=("/lxc/",)), [ChangedFile("a.go", "renamed", "lxc/a.go")], "", id="moved-out-of-it-counts"
        ),
    ],
)
def test_a_context_is_skipped_by_its_paths(rule: Rule, files: Sequence[ChangedFile], skipped: str) -> None:
    assert rule.skipped(files) == (f"skipped, {skipped}" if skipped else "")


def test_rules_of_paths_agree_with_looking_at_each_file() -> None:
    """By chance, against patterns that fnmatch knows, too: folders of the root and endings."""
    chance = random.Random(8)
    for _ in range(2000):
        folders = chance.sample(["a", "b", "docs", "vendor"], chance.randint(0, 2))
        ends = chance.sample(["md", "go"], chance.randint(0, 1))
        patterns = (*(f"/{folder}/" for folder in folders), *(f"*.{end}" for end in ends))
        names = [
            "/".join([*chance.choices(["a", "b", "docs", "vendor", "docsy"], k=chance.randint(0, 2)), f"x.{end}"])
            for end in chance.choices(["md", "go", "txt"], k=chance.randint(1, 4))
        ]

        def is_in(path: str, folders: Sequence[str] = folders, ends: Sequence[str] = ends) -> bool:
            return any(path.startswith(f"{folder}/") for folder in folders) or any(
                fnmatch.fnmatchcase(path, f"*.{end}") for end in ends
            )

        files = changed(*names)
        if patterns:
            assert bool(Rule(skip_if_only=patterns).skipped(files)) == all(map(is_in, names)), (patterns, names)
            assert bool(Rule(only_if=patterns).skipped(files)) == (not any(map(is_in, names))), (patterns, names)


def result_of(checks: Mapping[str, tuple[bool, str]], name: str) -> tuple[bool, str] | None:
    return checks.get(name)


def pull(**other: Any) -> Pull:
    return replace(PULL, **other)


@pytest.mark.parametrize(
    ("rule", "of", "trust", "checks", "words"),
    [
        pytest.param(Rule(), PULL, OK, {}, None, id="nothing"),
        pytest.param(
            Rule(), pull(draft=True), OK, {}, "pending: a draft; it is built once it is ready for review", id="draft"
        ),
        pytest.param(Rule(draft=True), DRAFT, OK, {}, None, id="a-draft-that-is-built"),
        pytest.param(Rule(), PULL, Trust(), {}, "pending: waits for ok to test", id="A21-an-outsider"),
        pytest.param(
            Rule(), pull(mergeable=False), Trust(), {}, "error: has conflicts with master", id="conflicts-first"
        ),
        pytest.param(
            Rule(),
            pull(mergeable=None),
            OK,
            {},
            "pending: waits: GitHub works out whether it can be merged",
            id="unknown",
        ),
        pytest.param(Rule(mergeable=False), pull(mergeable=False), OK, {}, None, id="merging-does-not-matter"),
        pytest.param(Rule(needs=("dco", "cla")), PULL, OK, {}, "pending: waits for dco, cla", id="checks-to-come"),
        pytest.param(Rule(needs=("dco",)), PULL, OK, {"dco": (True, "")}, None, id="a-check-that-passed"),
        pytest.param(
            Rule(needs=("cla", "dco")),
            PULL,
            OK,
            {"dco": (False, "1 commit is not signed off")},
            "error: not built: dco: 1 commit is not signed off",
            id="one-that-failed-before-one-to-come",
        ),
        pytest.param(
            Rule(needs=("dco",)),
            PULL,
            Trust(),
            {"dco": (False, "unsigned")},
            "error: not built: dco: unsigned",
            id="nobody-is-asked-to-look-at-what-has-to-be-changed",
        ),
        pytest.param(Rule(needs=("dco",)), PULL, Trust(), {}, "pending: waits for dco", id="nor-before-that-is-known"),
        pytest.param(
            Rule(needs=("dco",)),
            PULL,
            Trust(),
            {"dco": (True, "")},
            "pending: waits for ok to test",
            id="but-once-it-is",
        ),
    ],
)
def test_why_a_context_is_not_built(
    rule: Rule, of: Pull, trust: Trust, checks: Mapping[str, tuple[bool, str]], words: str | None
) -> None:
    why = held(rule, of, "", trust, partial(result_of, checks), is_patient=True)
    assert (f"{why.state}: {why.words}" if why else None) == words


def test_github_is_not_asked_for_ever_whether_it_merges_and_that_is_told() -> None:
    why = held(Rule(), pull(mergeable=None), "", OK, partial(result_of, {}), is_patient=False)
    assert why is not None
    assert (why.words, why.looks_again) == (GIVEN_UP, False)
    assert len(GIVEN_UP) <= 140


@pytest.mark.parametrize(
    ("change", "is_again", "superseded", "begins"),
    [
        pytest.param({}, False, "", False, id="nothing-new"),
        pytest.param({"head": OLD}, False, "", True, id="another-head"),
        pytest.param({"base": "release"}, False, "the base is release by now", True, id="another-base"),
        pytest.param({"draft": True}, False, "it is a draft again", False, id="a-draft-again"),
        pytest.param({}, True, "", True, id="opened-again"),
    ],
)
def test_what_begins_another_round(change: dict[str, Any], is_again: bool, superseded: str, begins: bool) -> None:
    memory = Memory.of(None, "e1")
    assert memory.take(PULL, "e1", is_again=False) == ""
    memory.left = {"janky": []}
    assert memory.take(pull(**change), "e2", is_again=is_again) == superseded
    assert (memory.round, memory.left) == (("e2", {}) if begins else ("e1", {"janky": []}))


def test_what_is_kept_is_read_again_and_what_is_not_known_left_out() -> None:
    memory = Memory.of(None, "e1")
    memory.take(PULL, "e1", is_again=False)
    memory.checked("dco", NEW, "master", True, "")
    assert Memory.of({**memory.kept(), "of_tomorrow": 1}, "e2") == memory


def test_a_check_counts_for_its_own_head_and_base_alone() -> None:
    memory = Memory.of(None, "e1")
    memory.take(PULL, "e1", is_again=False)
    memory.checked("dco", NEW, "master", True, "")
    memory.checked("dco", OLD, "master", False, "unsigned")
    assert memory.check("dco") == (True, "")
    memory.take(pull(head=OLD), "e2", is_again=False)
    assert memory.check("dco") == (False, "unsigned")
    memory.take(pull(head=OLD, base="release"), "e3", is_again=False)
    assert memory.check("dco") is None


@pytest.mark.parametrize(
    ("there", "may"),
    [
        pytest.param(None, True, id="nothing"),
        pytest.param(Status("c", StatusState.PENDING, "waits for dco"), True, id="ours"),
        pytest.param(Status("c", StatusState.FAILURE, "failed after 18m"), False, id="of-a-build"),
        pytest.param(Status("c", StatusState.SUCCESS, "overridden by tianon until 18:00 UTC"), False, id="overridden"),
    ],
)
@pytest.mark.parametrize("said", [{"janky": ["pending", "waits for dco"]}, {}], ids=["known", "forgotten"])
def test_what_a_build_came_to_is_not_overwritten(there: Status | None, may: bool, said: dict[str, list[str]]) -> None:
    """What was said is forgotten as it is closed, and where a kill came between that and the end of its handler."""
    assert Memory("e1", said=said).may_say("janky", there) is may


def test_what_was_said_before_another_base_is_said_again() -> None:
    """The success of a build for the former base stands in its place."""
    memory = Memory.of(None, "e1")
    memory.take(PULL, "e1", is_again=False)
    memory.said = {"janky": ["pending", "waits for ok to test"]}
    memory.take(pull(base="release"), "e2", is_again=False)
    assert not memory.has_said("janky", StatusState.PENDING, "waits for ok to test")


@pytest.mark.parametrize(
    "why",
    [
        held(Rule(), DRAFT, "", OK, lambda _: None, is_patient=True),
        held(
            Rule(),
            PULL,
            Rule(skip_if_only=("@docs",)).skipped(changed("docs/a.md")),
            OK,
            lambda _: None,
            is_patient=True,
        ),
        held(Rule(), PULL, Rule(only_if=("@vendor",)).skipped(changed("a.go")), OK, lambda _: None, is_patient=True),
        held(Rule(), replace(PULL, mergeable=False), "", OK, lambda _: None, is_patient=True),
        held(Rule(), PULL, "", Trust(), lambda _: None, is_patient=True),
        held(Rule(), replace(PULL, mergeable=None), "", OK, lambda _: None, is_patient=True),
        held(Rule(), replace(PULL, mergeable=None), "", OK, lambda _: None, is_patient=False),
        held(Rule(needs=("dco",)), PULL, "", OK, lambda _: None, is_patient=True),
        held(Rule(needs=("dco",)), PULL, "", OK, lambda _: (False, ""), is_patient=True),
        waits(AtLimit("20 builds of icecrime are under way")),
        failed(UserError("no such job")),
    ],
    ids=lambda why: why.words[:30],
)
def test_whatever_is_said_is_known_as_ours(why: Held) -> None:
    assert is_ours(why.words)


def test_it_is_looked_again_after_longer_and_longer_and_never_twice_at_once() -> None:
    memory, now_s, waits_s = Memory("e1"), 1000.0, []
    memory.woken(None, now_s)
    for _ in range(8):
        waits_s.append(memory.again_in_s(now_s))
        assert memory.again_in_s(now_s) == 0
        now_s = memory.due_s
        memory.woken(memory.due_s, now_s)
    assert waits_s == [2, 4, 8, 16, 32, AT_MOST_S, AT_MOST_S, AT_MOST_S]
    memory.woken(None, now_s)
    assert memory.again_in_s(now_s) == 2


def test_patience_begins_when_the_forge_is_asked_and_does_not_know() -> None:
    """An hour in which it was away, or in which there was no room, is none that it has had to work it out."""
    memory, pushed_s, back_s = Memory("e1"), 1000.0, 4600.0
    memory.woken(None, pushed_s)
    for now_s, mergeable, expected in (
        (back_s, None, True),
        (back_s + PATIENCE_S - 1, None, True),
        (back_s + PATIENCE_S, None, False),
        (back_s + PATIENCE_S, True, True),
        (back_s + 2 * PATIENCE_S, None, True),
        (back_s + 3 * PATIENCE_S, None, False),
    ):
        assert memory.is_patient(mergeable, now_s) is expected, now_s
        memory.woken(memory.due_s, now_s)
    memory.woken(None, back_s + 3 * PATIENCE_S)
    assert memory.is_patient(None, back_s + 3 * PATIENCE_S)


def test_a_look_that_never_came_is_made_up_for() -> None:
    memory = Memory("e1")
    memory.again_in_s(1000.0)
    memory.woken(None, 1000.0 + LOST_S)
    assert memory.again_in_s(1000.0 + LOST_S) == 0
    memory.woken(None, 1003.0 + LOST_S)
    assert memory.again_in_s(1003.0 + LOST_S) > 0


def test_of_very_many_commits_the_newest_are_built_and_of_an_unknown_list_the_head() -> None:
    shas = [str(n) for n in range(200)]
    assert newest(shas, "199") == shas[-MAX_COMMITS:]
    assert newest([str(n) for n in range(250)], "299") == ["299"]


@pytest.mark.parametrize(
    ("section", "words"),
    [
        pytest.param({"per_author": 0}, "per_author must be 1 to 10000, is 0", id="limit"),
        pytest.param({"build_commits": "newest"}, 'build_commits is "newest"; did you mean new?', id="mode"),
        pytest.param({"only_if": ["@vendored"]}, '"@vendored" is no set of paths; did you mean @vendor?', id="set"),
        pytest.param({"skip_if_only": ["# docs"]}, 'skip_if_only: "# docs" is no pattern of paths', id="pattern"),
        pytest.param({"mergable": True}, 'unknown key "mergable" (did you mean "mergeable"?)', id="key"),
        pytest.param(
            {"contexts": ["lxc"], "context": {"janky": {}}}, "has a table context.janky, which is not in its contexts",
            id="a-table-for-nothing",
        ),
        pytest.param({"context": {"janky": {"only_if": [" "]}}}, "only_if", id="in-a-context"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_told(section: Mapping[str, Any], words: str) -> None:
    given = section if "per_author" in section else {"repo": {"moby/moby": section}}
    with pytest.raises(ConfigError) as caught:
        read_settings(plugin, given)
    assert words in str(caught.value)


def test_what_holds_for_a_context_is_its_own_before_that_of_the_repository() -> None:
    given = {"draft": True, "needs": ["dco"], "context": {"lxc": {"needs": [], "start": True}}}
    settings: PrBuildsSettings = read_settings(plugin, {"repo": {"moby/moby": given}})
    rules = settings.repo["moby/moby"]
    assert rules.rule("janky") == Rule(draft=True, needs=("dco",))
    assert rules.rule("lxc") == Rule(draft=True, start=True)
    assert list(rules.of({"janky": False, "lxc": True, "multi": True})) == ["janky", "lxc"]
    assert list(RepoRules(contexts=("lxc",)).of({"janky": False, "lxc": False})) == ["lxc"]


def test_every_set_of_paths_is_one() -> None:
    assert [Rule(only_if=(name,)).wants_files for name in PRESETS] == [True] * len(PRESETS)


def test_what_an_outsider_wrote_is_shown_as_what_it_is() -> None:
    """A title may try to ping or to break out of its line."""
    told = asking(pull(title='a "b"\nQUIT', author="ev il"), Trust(ci_files=("Jenkinsfile", "a b", "c", "d")))
    assert told == (
        f'moby#7 "a \'b\' QUIT" by "ev il" waits for ok to test at {NEW[:12]} on master; it changes what CI itself '
        'does: Jenkinsfile, "a b", c and 1 more; look at https://gh/7/files, then say ok to test moby/moby#7'
    )


def test_what_comes_of_an_ok_is_told_by_context() -> None:
    told = {"janky": "starts", "lxc": "starts", "windows": "waits for dco"}
    assert is_ok(PULL, told) == "moby#7 at 9d0e4f2 is ok to test; janky, lxc: starts; windows: waits for dco"
    assert is_ok(PULL, {}) == "moby#7 at 9d0e4f2 is ok to test"


def test_what_was_forgotten_while_it_was_closed_is_not_built_again_as_far_as_it_has_passed() -> None:
    opened_again, new = Memory("e1"), Memory("e1")
    opened_again.take(PULL, "e1", is_again=True)
    new.take(PULL, "e1", is_again=False)
    assert (opened_again.is_again, new.is_again) == (True, False)


def test_what_waits_for_an_ok_has_a_button_and_its_files_behind_the_title_where_there_are_such() -> None:
    told = card(PULL, Trust(ci_files=("Makefile",)))
    assert [button.command for button in told.buttons] == ["ok to test moby/moby#7"]
    assert told.url == "https://gh/7/files"
    assert "say ok to test" not in " ".join((told.title, *told.lines))
    assert told.title.endswith("on master; it changes what CI itself does: Makefile")
    assert told.one_line() == asking(PULL, Trust(ci_files=("Makefile",)))
