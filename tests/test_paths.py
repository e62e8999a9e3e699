"""Which files a rule is about, against git itself, whose patterns they are."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import UserError
from bot.paths import Paths
from bot.values import ChangedFile

NAMES = st.sampled_from(["a", "b", "ab", "a.md", "docs", "ci", "x y", "A", ".ci"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PARTS = st.sampled_from(["a", "b", "*", "?", "**", "*.md", "a*", "docs", "[ab]", "[!a]", ".ci", "x y"])
PATTERNS = st.builds(
    lambda no, root, parts, end: f"{no}{root}{'/'.join(parts)}{end}",
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", "/*", "/**"]),
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("git")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def by_git(folder: Path, patterns: Sequence[str], paths: Sequence[str]) -> list[bool]:
    """Ask git which paths are ignored by patterns; none of the files need be there."""
    (folder / ".git" / "info" / "exclude").write_text("\n".join(patterns) + "\n")
    command = ["git", "-C", str(folder), "check-ignore", "--no-index", "-v", "-n", "-z", "--stdin"]
    asked = "\0".join(paths).encode()
    told = subprocess.run(command, input=asked, capture_output=True, check=False).stdout
    fields = told.decode().split("\0")[:-1]
    assert len(fields) == 4 * len(paths)
    return [bool(pattern) and not pattern.startswith("!") for pattern in fields[2::4]]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(patterns=st.lists(PATTERNS, min_size=1, max_size=4), paths=st.lists(PATHS, min_size=1, max_size=12, unique=True))
def test_patterns_mean_what_git_takes_them_for(repository: Path, patterns: list[str], paths: list[str]) -> None:
    rule = Paths(tuple(patterns))
    if any(pattern.startswith("!") for pattern in patterns):  # git takes nothing back of a folder that it ignores
        paths = [path for path in paths if not any(by_git(repository, patterns, folders(path)))]
    assert [rule.has(path) for path in paths] == by_git(repository, patterns, paths)


def folders(path: str) -> list[str]:
    """List the folders that a path is in."""
    parts = path.split("/")
    return ["/".join(parts[:count]) + "/" for count in range(1, len(parts))]


def test_folders_at_any_depth_are_no_files() -> None:
    rule = Paths(("a/**/",))
    assert [rule.has(path) for path in ("a/b", "a/b/c", "a/b/c/d")] == [False, True, True]


def test_a_part_of_a_folder_is_taken_back_as_git_would_not() -> None:
    rule = Paths(("/lxc/", "!/lxc/*.md"))
    assert [rule.has(path) for path in ("lxc/a.go", "lxc/a.md")] == [True, False]


@pytest.mark.parametrize(
    ("patterns", "path", "has"),
    [
        pytest.param(["*.md"], "docs/x.md", True, id="at-any-depth"),
        pytest.param(["/*.md"], "docs/x.md", False, id="from-the-root"),
        pytest.param(["docs/"], "a/docs/x", True, id="a-folder-at-any-depth"),
        pytest.param(["/docs/"], "a/docs/x", False, id="a-folder-at-the-root"),
        pytest.param(["/docs/"], "docs", False, id="a-file-is-no-folder"),
        pytest.param(["a/**/b"], "a/x/y/b", True, id="any-folders-between"),
        pytest.param(["a/**/b"], "a/b", True, id="none-between"),
        pytest.param(["*", "!/ci"], "ci", False, id="taken-back"),
        pytest.param(["Jenkinsfile*"], "Jenkinsfile.release", True, id="A22-a-second-one"),
        pytest.param(["Jenkinsfile*"], "jenkinsfile", False, id="case-counts"),
        pytest.param(["a[[b]"], "a[", True, id="a-bracket-among-characters-warns-nobody"),
    ],
)
def test_paths(patterns: list[str], path: str, has: bool) -> None:
    assert Paths(tuple(patterns)).has(path) is has


@pytest.mark.parametrize("pattern", ["", " ", "# all", "a\nb", "a\0"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(UserError, match="is no pattern of paths"):
        Paths((pattern,))


@pytest.mark.parametrize("pattern", ["[z-a]", "docs/[b-a]*", "[[:foo:]]"])
def test_a_pattern_that_no_engine_takes_is_the_mistake_of_whoever_wrote_it(pattern: str) -> None:
    """Anybody who types it five times would have the plugin switched off otherwise."""
    with pytest.raises(UserError, match="a pattern of paths is wrong"):
        Paths((pattern,))


def test_half_a_character_in_the_name_of_a_file_is_none_that_a_pattern_names() -> None:
    assert not Paths(("*.md",)).has("docs/\ud800")
    assert Paths(("docs/",)).has("docs/\ud800")


def test_a_renamed_file_counts_by_either_name_and_is_in_a_set_by_both() -> None:
    moved = ChangedFile("docs/x", before="src/x")
    assert Paths(("/src/",)).of([moved]) == ["docs/x"]
    assert Paths(("/docs/",)).of([moved]) == ["docs/x"]
    assert not Paths(("/docs/",)).have_all([moved])
    assert Paths(("/docs/", "/src/")).have_all([moved])
    assert not Paths(("*",)).have_all([]), "nothing at all is changed by nobody"
