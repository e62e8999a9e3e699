"""Who owns which files, by GitHub's rules for CODEOWNERS and both of Docker's forms of MAINTAINERS."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.triage import code_owners, maintainers
from plugins.triage.owners import CODEOWNERS, MAX_PLACES, Owners, places, read

DOCUMENTED = """\
# This is a comment.
*       @global-1 @global-2

*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/*  @writer
apps/ @octocat
/scripts/ @doctocat @octocat
**/logs @logger
/apps/github
/apps/github/mine @doctocat
with\\ blank/ @blank
"""
DOCKER = {
    "MAINTAINERS": (
        "Solomon Hykes <solomon@example.com> (@shykes)\n"
        "# Guillaume Charmes <guillaume@example.com> (@creack)\n"
        "Victor Vieux <vieux@example.com> (@vieux)\n"
        "Dockerfile: Tianon Gravi <tianon@example.com> (@tianon)\n"
    ),
    "daemon/MAINTAINERS": "Core people\n===========\n\nMichael Crosby <michael@example.com> (@crosbymichael)\n",
    "hack/MAINTAINERS": "dind: Jerome Petazzoni <jerome@example.com> (@jpetazzo)\n",
    "docs/MAINTAINERS": "Daniel, Dao Quang Minh <dao@example.com> (@dqminh)\nDaniel again (@DQMinh)\n",
}
MOBY = """\
# Docker maintainers file
[Rules]
\t[Rules.maintainers]
\ttext = \"\"\"
Ask a maintainer (@nobody).
\"\"\"
[Org]
\tbdfl = "shykes"
\t[Org."Core maintainers"]
\t\tpeople = ["tibor", "vish", "lk4d4",]
\t[Org.Alumni]
\t\tpeople = ["erikh"]
[people]
\t[people.tibor]
\tName = "Tibor Vass"
\tEmail = "tibor@example.com"
\tGitHub = "tiborvass"
\t[people.vish]
\tGithub = "vishh"
"""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        pytest.param("README", ("global-1", "global-2"), id="the-star-is-for-all"),
        pytest.param("deep/down/README", ("global-1", "global-2"), id="in-any-folder"),
        pytest.param("deep/a.js", ("js-owner",), id="the-last-line-counts,-without-its-comment"),
        pytest.param("main.go", (), id="an-address-is-no-login"),
        pytest.param("a.txt", ("octo-org/octocats",), id="a-team"),
        pytest.param("build/logs/x/y", ("logger",), id="a-later-line-takes-what-an-earlier-had"),
        pytest.param("docs/start.md", ("writer",), id="a-star-in-a-folder"),
        pytest.param("docs/more/start.md", ("global-1", "global-2"), id="which-is-not-for-what-lies-deeper"),
        pytest.param("x/docs/start.md", ("global-1", "global-2"), id="nor-for-another-folder-of-the-name"),
        pytest.param("x/apps/y/z", ("octocat",), id="a-folder-anywhere"),
        pytest.param("x/apps", ("global-1", "global-2"), id="but-not-a-file-of-its-name"),
        pytest.param("x/scripts/run", ("global-1", "global-2"), id="a-slash-in-front-counts-from-the-root"),
        pytest.param("scripts/run", ("doctocat", "octocat"), id="of-two-owners"),
        pytest.param("deep/logs", ("logger",), id="a-file-or-folder-anywhere"),
        pytest.param("apps/github/main.py", (), id="without-owners-it-is-nobody's"),
        pytest.param("apps/github/mine", ("doctocat",), id="and-after-that-somebody's-again"),
        pytest.param("with blank/x", ("blank",), id="a-blank-behind-a-backslash"),
        pytest.param("", (), id="no-path"),
    ],
)
def test_code_owners_are_those_of_the_last_line_that_fits(path: str, owners: Sequence[str]) -> None:
    assert read({".github/CODEOWNERS": DOCUMENTED}).of(path) == owners


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("!a.c @other", id="no-exceptions"),
        pytest.param("[ab].c @other", id="no-ranges"),
        pytest.param("\\#a.c @other", id="no-hash-behind-a-backslash"),
        pytest.param("a.c other", id="no-owner-without-an-at"),
        pytest.param("a.c @other @", id="no-empty-owner"),
        pytest.param("[Section] @other", id="no-sections"),
        pytest.param("/ @other", id="no-empty-path"),
        pytest.param(f"{'*' * 3000} @other", id="no-endless-line"),
        pytest.param("# a.c @other", id="a-comment"),
    ],
)
def test_a_line_that_is_wrong_is_left_out_and_hurts_no_other(line: str) -> None:
    assert read({"CODEOWNERS": f"*.c @mine\n{line}\n"}).of("a.c") == ("mine",)


def test_the_first_code_owners_file_counts_and_one_that_is_too_large_does_not() -> None:
    texts = {path: f"* @at-{number}\n" for number, path in enumerate(CODEOWNERS)}
    assert read(texts).of("x") == ("at-0",)
    assert read({path: text for path, text in texts.items() if path != CODEOWNERS[0]}).of("x") == ("at-1",)
    large = "* @mine\n" + "#" * code_owners.MAX_BYTES
    assert read({"CODEOWNERS": large, "MAINTAINERS": "Somebody (@vieux)\n"}).of("x") == ("vieux",)


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        pytest.param("README.md", ("shykes", "vieux"), id="whoever-is-commented-out-is-on-holiday"),
        pytest.param("Dockerfile", ("tianon", "shykes", "vieux"), id="those-of-the-file-first"),
        pytest.param("daemon/graph/x.go", ("crosbymichael",), id="the-nearest-file,-without-its-headings"),
        pytest.param("hack/dind", ("jpetazzo",), id="one-file-of-a-folder"),
        pytest.param("hack/make.sh", ("shykes", "vieux"), id="the-others-of-which-have-the-next"),
        pytest.param("docs/x.md", ("dqminh",), id="once-each,-with-a-comma-in-the-name"),
    ],
)
def test_maintainers_in_lists_are_the_nearest(path: str, owners: Sequence[str]) -> None:
    assert read(DOCKER).of(path) == owners


def test_core_maintainers_are_named_by_their_logins() -> None:
    """One who is not among `people` goes by the key; the examples in prose are nobody."""
    assert read({"MAINTAINERS": MOBY}).of("daemon/x.go") == ("tiborvass", "vishh", "lk4d4")


def test_maintainers_have_what_no_line_of_code_owners_is_about() -> None:
    known = read({**DOCKER, "CODEOWNERS": "/daemon/graph/ @grapher\n/daemon/list\n"})
    assert [known.of(path) for path in ("daemon/graph/a", "daemon/list", "daemon/kill.go")] == [
        ("grapher",),
        (),
        ("crosbymichael",),
    ]


def test_the_places_to_look_at_are_those_of_github_and_of_each_folder_above() -> None:
    assert places(["daemon/graph/a.go", "daemon/b.go", "README"]) == [
        *CODEOWNERS,
        "MAINTAINERS",
        "daemon/MAINTAINERS",
        "daemon/graph/MAINTAINERS",
    ]
    assert places([]) == list(CODEOWNERS)
    many = places([f"{n}/{n}/x" for n in range(1000)])
    assert len(many) == MAX_PLACES
    assert "MAINTAINERS" in many
    assert places(["/".join("x" * 600), "a\nb/c"]) == list(CODEOWNERS)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a = " + "[" * 50_000, id="lists-in-lists"),
        pytest.param(".".join("a" * 40_000) + " = 1", id="keys-in-keys"),
        pytest.param(f"{'.'.join('a' * 490)}.b = 1\n" * 100, id="many-keys-in-keys"),
        pytest.param(".".join(['"\u2028"'] * 15_000) + " = 1", id="keys-in-keys-with-ends-of-lines-that-are-none"),
        pytest.param("a = " + "[\n" * 40_000, id="lists-in-lists-on-many-lines"),
        pytest.param("a = " + "9" * 50_000, id="a-long-number"),
        pytest.param("(@" * 40_000, id="brackets"),
        pytest.param("x: " * 30_000 + "(@y", id="colons"),
        pytest.param("[Org]\n'Core maintainers' = 3\n[people]\nx = []", id="other-kinds"),
        pytest.param("[Org.'Core maintainers']\npeople = [1, [], 'no login', '']", id="people-that-are-none"),
        pytest.param("Org = 1\npeople = 2", id="no-tables"),
        pytest.param("\x00\ufffd\ud800", id="no-text"),
    ],
)
def test_a_broken_maintainers_file_names_nobody_and_takes_no_time(text: str) -> None:
    begun = time.process_time()
    assert maintainers.read(text).of("x") == ()
    assert time.process_time() - begun < 2.0


def test_hostile_patterns_take_no_time() -> None:
    lines = [f"{'*a' * 140}{n} @x\n/{'**/a*/' * 48}{n} @x\n" for n in range(2 * code_owners.MAX_GLOBS)]
    begun = time.process_time()
    known = read({"CODEOWNERS": "".join(lines)})
    assert known.of("/".join(["a" * 18] * 50)) == ()
    assert time.process_time() - begun < 4.0


def test_hostile_patterns_take_no_time_either_for_all_files_of_a_pull_request() -> None:
    known = read({"CODEOWNERS": f"/{'**/*/' * 50}x @x\n" * code_owners.MAX_GLOBS})
    begun = time.process_time()
    assert {known.of(f"{'a/' * 45}{number}.c") for number in range(10)} == {()}
    assert time.process_time() - begun < 2.0


@pytest.mark.parametrize(
    "pattern",
    [
        "*.e{n}",
        "part{n}*",
        "/src/mod{n}/*.go",
        "/src/mod{n}*/",
        "/src/mod{n}/**/*.go",
        "docs/**/page{n}*.md",
        "**/t{n}/*",
        "/src/**/q{n}*",
    ],
)
def test_a_thousand_patterns_as_people_write_them_take_no_time_for_thousands_of_paths(pattern: str) -> None:
    lines = [f"{pattern.format(n=n)} @x{n}\n" for n in range(code_owners.MAX_GLOBS)]
    known = read({"CODEOWNERS": "".join(lines)})
    paths = [f"src/mod{number % 1200}/in{number % 7}/file{number}.go" for number in range(3000)]
    begun = time.process_time()
    assert {owner for path in paths for owner in known.of(path)} <= {f"x{n}" for n in range(code_owners.MAX_GLOBS)}
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("integration_suite*", id="the-beginning-of-a-name"),
        pytest.param("*_suite_of_volumes.go", id="its-end"),
        pytest.param("/integration-tests/volumes-?nd-*s/*", id="the-beginning-of-a-path"),
        pytest.param("**/volumes-and-mounts/*", id="a-name"),
    ],
)
def test_however_long_what_a_pattern_names_is_it_is_found(pattern: str) -> None:
    path = "integration-tests/volumes-and-mounts/integration_suite_of_volumes.go"
    near = "integration-tests/volumes-and-mount/integration-suite_on_volumes.go"
    assert [read({"CODEOWNERS": f"{pattern} @x"}).of(each) for each in (path, near)] == [("x",), ()]


def test_who_owns_a_path_is_found_out_once_however_many_there_are() -> None:
    """A list has others take their turns while that is found out, and not when it is looked up."""
    known = read({"CODEOWNERS": f"/{'**/*/' * 4}?? @x\n" * 20 + "short/ @y\n"})
    slow = [f"{'a/' * 40}{number}.c" for number in range(10, 60)]
    begun = time.process_time()
    known.remember(slow)
    took_s = time.process_time() - begun
    known.remember([f"short/{number}" for number in range(50_000)])
    begun = time.process_time()
    assert {known.of(path) for path in slow} == {()}
    assert time.process_time() - begun < took_s / 10


def test_of_too_many_patterns_the_last_count_and_of_too_long_ones_none() -> None:
    lines = ["*.c @first", *(f"*.{n} @x" for n in range(code_owners.MAX_GLOBS - 1)), "LICENSE @law"]
    assert read({"CODEOWNERS": "\n".join(lines)}).of("a.c") == ("first",)
    assert read({"CODEOWNERS": "\n".join([*lines, "*.h @last"])}).of("a.c") == ()
    long = f"{'*' * code_owners.MAX_PATTERN_CHARS}c @x"
    assert read({"CODEOWNERS": f"*.c @first\n{long}"}).of("a.c") == ("first",)
    deep = "**/" * (code_owners.MAX_DEEP + 1)
    assert read({"CODEOWNERS": f"*.c @first\n{deep}a.c @x"}).of("a.c") == ("first",)


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        pytest.param("a/**", {"a/b", "a/b/c"}, id="all-in-a-folder"),
        pytest.param("**/a", {"a", "a/b", "a/b/c", "b/a"}, id="at-any-depth"),
        pytest.param("a/**/c", {"a/b/c"}, id="between"),
        pytest.param("**", {"a", "a/b", "a/b/c", "b/a"}, id="everything"),
        pytest.param("**/", {"a/b", "a/b/c", "b/a"}, id="every-folder"),
        pytest.param("/*", {"a"}, id="files-of-the-root"),
        pytest.param("a/*", {"a/b"}, id="files-of-a-folder"),
        pytest.param("a/?/", {"a/b/c"}, id="folders-of-a-folder"),
    ],
)
def test_stars_fit_as_git_says(pattern: str, paths: set[str]) -> None:
    known = read({"CODEOWNERS": f"{pattern} @x"})
    tried = ("a", "a/b", "a/b/c", "b/a")
    assert {path for path in tried if known.of(path)} == paths == {path for path in tried if fits(pattern, path)}


NAMES = st.sampled_from(["a", "b", "ab", "ba"])
GLOBS = st.sampled_from(["a", "b", "ab", "*", "**", "a*", "?b", "*b*", "\\a", "a**", "a?b", "*ab", "\\*"])
PATTERNS = st.builds(
    lambda front, names, end: f"{front}{'/'.join(names)}{end}",
    st.sampled_from(["", "/"]),
    st.lists(GLOBS, min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)


@given(st.lists(PATTERNS, max_size=5), st.lists(PATHS, min_size=1, max_size=4))
def test_lines_fit_as_they_do_for_whoever_tries_all(patterns: list[str], paths: list[str]) -> None:
    text = "".join(f"{pattern} @owner-{number}\n" for number, pattern in enumerate(patterns))
    known = read({"CODEOWNERS": text})
    for path in paths:
        fitting = [f"owner-{number}" for number, pattern in enumerate(patterns) if fits(pattern, path)]
        assert known.of(path) == tuple(fitting[-1:])


@given(st.dictionaries(st.sampled_from(["CODEOWNERS", "MAINTAINERS", "a/MAINTAINERS"]), st.text()), PATHS)
def test_whatever_is_in_them_is_read(texts: dict[str, str], path: str) -> None:
    known = read(texts)
    assert isinstance(known, Owners)
    assert all(isinstance(each, str) for each in known.of(path))


def fits(pattern: str, path: str) -> bool:
    """Try a pattern on a file and on each folder that it is in, by git's words on what a pattern fits."""
    is_folder, names = pattern.endswith("/"), path.split("/")
    wanted = [name for name in pattern.split("/") if name]
    is_rooted = "/" in pattern.removesuffix("/")
    for end in range(1, len(names) + 1):
        is_file = end == len(names)
        if (is_file and is_folder) or (not is_file and not is_folder and wanted[-1] == "*"):
            continue
        if is_name(wanted, names[:end]) if is_rooted else is_name(["**", *wanted], names[:end]):
            return True
    return False


def is_name(wanted: list[str], names: list[str]) -> bool:
    if not wanted:
        return not names
    if wanted == ["**"]:
        return bool(names)
    if wanted[0] == "**":
        return any(is_name(wanted[1:], names[at:]) for at in range(len(names) + 1))
    return bool(names) and is_like(wanted[0], names[0]) and is_name(wanted[1:], names[1:])


def is_like(wanted: str, name: str) -> bool:
    if not wanted:
        return not name
    if wanted[0] == "*":
        return any(is_like(wanted[1:], name[at:]) for at in range(len(name) + 1))
    letters = wanted[1:] if wanted[0] == "\\" else wanted
    return bool(name) and letters[0] in (name[0], "?") and is_like(letters[1:], name[1:])
