"""Which commits are signed off, what is said of those that are not, and that it mends them."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.values import Account, Commit, Pull, PullRef
from plugins.dco.rules import MAX_COMMITS, DcoSettings, SignOff, Verdict, sign_offs, weigh
from plugins.dco.words import comment, mend, reply, summary

LINE = "Signed-off-by: Tianon <tianon@example.org>"
OLD = "Docker-DCO-1.1-Signed-off-by: Tianon <tianon@example.org> (github: tianon)"
SIGNED = f"Fix it\n\n{LINE}\n"
TIANON = [SignOff("Tianon", "tianon@example.org")]
URL = "https://hub.example/moby/moby"


def commit(message: str, n: int = 1, **more: Any) -> Commit:
    return Commit(f"{n:040x}", message, more.pop("author", Account(102, "tianon")), **more)


def pull(commits: Sequence[Commit], **more: Any) -> Pull:
    told: dict[str, Any] = {
        "title": "T",
        "author": "tianon",
        "author_id": 102,
        "base": "master",
        "head_repo": "tianon/moby",
    } | more
    return Pull(PullRef("moby/moby", 7), head=commits[-1].sha if commits else "f" * 40, url=f"{URL}/pull/7", **told)


def weighed(*commits: Commit, base: str = "master", **settings: Any) -> Verdict:
    found = weigh(DcoSettings(**settings), pull(commits, base=base), commits)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("message", "found"),
    [
        pytest.param(SIGNED, TIANON, id="as-git-writes-it"),
        pytest.param("Fix it\n\nsigned-off-by: Tianon <tianon@example.org>", TIANON, id="leeroy-lowercase-fails"),
        pytest.param(f"Fix it\n\n> {LINE}\n", [], id="leeroy-a-quoted-line-passes"),
        pytest.param(f"Fix it\n\nHe wrote: {LINE}\n", [], id="leeroy-anywhere-in-a-line"),
        pytest.param(f"Fix it\n\n    {LINE}\n", [], id="indented"),
        pytest.param(f"Fix it\n\n{LINE}\n\nAnd this is why.\n", [], id="in-the-middle"),
        pytest.param(f"Fix it\n{LINE}\n", [], id="in-the-title"),
        pytest.param(LINE, [], id="as-the-title"),
        pytest.param(f"Fix it\n\nA\nB\nC\n{LINE}\n", TIANON, id="a-quarter-of-its-paragraph"),
        pytest.param(f"Fix it\n\nA\nB\nC\nD\n{LINE}\n", [], id="less-than-a-quarter"),
        pytest.param(f"Fix it\r\n\r\n{LINE}\r\n", TIANON, id="line-ends-of-another-system"),
        pytest.param("Fix it\n\nSigned-off-by: Tianon\n <tianon@example.org>\n", TIANON, id="folded"),
        pytest.param(f"Fix it\n\nAcked-by: Jess\n{LINE}\nFixes: #7\n", TIANON, id="among-others"),
        pytest.param("Fix it\n\nSigned-off-by: <tianon@example.org>", [], id="no-name"),
        pytest.param("Fix it\n\nSigned-off-by: 1234 <tianon@example.org>", [], id="a-number-for-a-name"),
        pytest.param("Fix it\n\nSigned-off-by: Tianon", [], id="no-address"),
        pytest.param("Fix it\n\nSigned-off-by: Tianon <tianon>", [], id="half-an-address"),
        pytest.param("Fix it\n\nSigned-off-by: Tianon <a b@c>", [], id="blank-in-an-address"),
        pytest.param("Fix it\n\nSigned-off-by: Tianon <a@b@c>", [], id="two-ats"),
        pytest.param("Fix it\n\nSigned-off-by: Tianon <a@b", [], id="not-closed"),
        pytest.param("Fix it\n\nSigned-off-by: Tianon <a@b> and more", [], id="more-behind-it"),
        pytest.param("Fix it\n\nSigned-off-by: Tianon> <a@b>", [], id="bracket-in-a-name"),
        pytest.param(f"Fix it\n\n{LINE} (github: tianon)", [], id="old-end"),
        pytest.param(f"Fix it\n\n{OLD}\n", [], id="old-form"),
        pytest.param("Fix it\n\nSigned-off-by: Ünal Ö <ü@ö.example>", [SignOff("Ünal Ö", "ü@ö.example")], id="letters"),
        pytest.param("", [], id="no-message"),
    ],
)
def test_a_sign_off_is_a_trailer_with_a_name_and_an_address(message: str, found: Sequence[SignOff]) -> None:
    assert sign_offs(message) == found


@pytest.mark.parametrize(
    ("message", "found"),
    [
        pytest.param(f"Fix it\n\n{OLD}\n", TIANON, id="old-form"),
        pytest.param(f"Fix it\n\nwords\n{OLD}\n", TIANON, id="with-words"),
        pytest.param(f"Fix it\n\n{LINE} (github: tianon)\n", TIANON, id="old-end"),
        pytest.param(SIGNED, TIANON, id="as-git-writes-it"),
        pytest.param(f"Fix it\n\n> {OLD}\n", [], id="quoted"),
        pytest.param(f"Fix it\n\n{OLD} and more\n", [], id="more-behind-it"),
    ],
)
def test_where_it_is_configured_leeroys_form_counts_too(message: str, found: Sequence[SignOff]) -> None:
    assert sign_offs(message, old_form=True) == found


BOT, NOBODY = Account(49, "dependabot[bot]", is_bot=True), None


@pytest.mark.parametrize(
    ("one", "settings", "passes"),
    [
        pytest.param(commit("Fix it"), {}, False, id="not-signed"),
        pytest.param(commit("Merge", parents=2), {}, True, id="a-merge"),
        pytest.param(commit("Bump", author=BOT), {}, False, id="a-bot-nobody-listed"),
        pytest.param(commit("Bump", author=BOT), {"bots": ("Dependabot[bot]",)}, True, id="a-bot"),
        pytest.param(commit("Bump", author=NOBODY), {"bots": ("",)}, False, id="nobody-listed"),
        pytest.param(commit("Bump", author=NOBODY), {"bots": ("dependabot[bot]",)}, False, id="nobody"),
        pytest.param(commit(SIGNED, author_mail="TIANON@example.org"), {"author_must_sign": True}, True, id="author"),
        pytest.param(commit(SIGNED, author_mail="jess@example.org"), {"author_must_sign": True}, False, id="another"),
        pytest.param(commit(SIGNED), {"author_must_sign": True}, False, id="no-address-known"),
        pytest.param(commit(SIGNED, author_mail="jess@example.org"), {}, True, id="whoever"),
    ],
)
def test_who_must_sign_a_commit_off(one: Commit, settings: dict[str, Any], passes: bool) -> None:
    assert weighed(one, **settings).passed is passes


@pytest.mark.parametrize(
    ("base", "patterns", "exempt"),
    [
        pytest.param("release", ("release",), True, id="leeroys-release"),
        pytest.param("release/1.9", ("release/*",), True, id="a-pattern"),
        pytest.param("master", ("release*",), False, id="another"),
        pytest.param("Release", ("release",), False, id="in-its-case"),
    ],
)
def test_for_some_branches_nothing_is_asked(base: str, patterns: tuple[str, ...], exempt: bool) -> None:
    verdict = weighed(commit("Fix it"), base=base, exempt_bases=patterns)
    assert (verdict.exempt, verdict.passed) == (exempt, exempt)


def many(count: int, message: str = SIGNED) -> list[Commit]:
    return [commit(message, n) for n in range(1, count + 1)]


def test_all_commits_count_and_not_only_the_first_page() -> None:
    """What leeroy did: it read the first hundred."""
    commits = [*many(120), commit("Fix it", 121), commit(SIGNED, 122)]
    verdict = weighed(*commits)
    assert verdict.lacking == (commits[120],)
    assert summary(verdict) == "1 of 122 commits lacks a sign-off"


def test_of_more_commits_than_can_be_read_nobody_can_tell() -> None:
    listed = many(MAX_COMMITS)
    assert weighed(*listed).passed
    verdict = weigh(DcoSettings(), pull([*listed, commit("Fix it", 999)]), listed)
    assert verdict is not None
    assert not verdict.passed
    assert summary(verdict).startswith("cannot tell whether all commits are signed off: it has more than 250 commits")


@pytest.mark.parametrize("listed", [pytest.param([], id="none"), pytest.param(many(2), id="of-another-head")])
def test_a_list_of_another_head_is_not_judged(listed: Sequence[Commit]) -> None:
    assert weigh(DcoSettings(), pull([commit(SIGNED, 77)]), listed) is None


def test_a_newer_commit_in_the_list_keeps_an_older_head_from_passing() -> None:
    commits = [commit(SIGNED, 1), commit("Fix it", 2)]
    verdict = weigh(DcoSettings(), pull(commits[:1]), commits)
    assert verdict is not None
    assert not verdict.passed


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        pytest.param("Fix it", '`"Fix it"`', id="plain"),
        pytest.param("\n \nFix it", '`"Fix it"`', id="after-blank-lines"),
        pytest.param("a `b` ``c``", "`\"a 'b' ''c''\"`", id="A15-backticks"),
        pytest.param("@everyone <!channel>", '`"@everyone <!channel>"`', id="A15-pings-are-code"),
        pytest.param("x --> <!-- gordon:dco -->", '`"x --> <!-- gordon:dco -->"`', id="a-marker-of-ours"),
        pytest.param("a\rb\x0bc", '`"a b c"`', id="A13-line-ends"),
        pytest.param("a\u202eb\x1b]8;;c", '`"a\ufffdb\ufffd]8;;c"`', id="A14-unseen"),
        pytest.param("ä" * 40_000, '`"' + "ä" * 48 + '..."`', id="64-KB"),
    ],
)
def test_a_title_stays_on_its_line_and_in_its_code(title: str, shown: str) -> None:
    one = commit(f"{title}\n\nwhy")
    [line] = [line for line in comment(weighed(one), DcoSettings(), "").splitlines() if line.startswith("- ")]
    assert line == f"- `{one.sha:.12}` {shown}"


def test_the_comment_lists_twenty_and_counts_the_others() -> None:
    text = comment(weighed(*many(250, "é" * 60_000)), DcoSettings(), "")
    assert text.count("\n- `") == 20
    assert "\n- and 230 more\n" in text
    assert len(text.encode()) < 10_000


def test_the_comment_links_to_what_is_configured() -> None:
    text = comment(weighed(commit("Fix it")), DcoSettings(author_must_sign=True), "https://dco.example/")
    assert "([what that means](https://dco.example/))" in text
    assert "with the address of the commit's author" in text
    assert comment(weighed(commit(SIGNED)), DcoSettings(), "https://dco.example/") == ""


@pytest.mark.parametrize(
    ("commits", "told"),
    [
        pytest.param([commit(SIGNED)], "the commit is signed off", id="one"),
        pytest.param(many(3), "all 3 commits are signed off", id="all"),
        pytest.param([commit("M", parents=2)], "no commit needs a sign-off", id="none-needed"),
        pytest.param([commit('Fix "it"')], "the commit lacks a sign-off: 000000000000 \"Fix 'it'\"", id="lacks"),
        pytest.param(
            many(7, "A"),
            "7 of 7 commits lack a sign-off: "
            + ", ".join(f'{n:040x}'[:12] + ' "A"' for n in range(1, 6))
            + " and 2 more",
            id="lack",
        ),
    ],
)  # fmt: skip
def test_what_is_answered(commits: Sequence[Commit], told: str) -> None:
    assert reply(weighed(*commits)) == f"moby#7 at {commits[-1].sha:.7}: {told}"


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        pytest.param({"repos": ("moby",)}, 'repos has "moby"', id="no-owner"),
        pytest.param({"url": "CONTRIBUTING.md"}, "url must be a whole address", id="no-address"),
        pytest.param({"url": "https://a/(b)"}, "url must be a whole address", id="brackets"),
        pytest.param({"label": "a,b"}, "label must be the name of one label", id="two-labels"),
        pytest.param({"label": "a" * 51}, "label must be the name of one label", id="long"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        DcoSettings(**settings)


def test_settings_that_can_be() -> None:
    DcoSettings(repos=("moby/moby",), url="https://hub.example/{repo}/CONTRIBUTING.md#sign", label="", status="")


class Clone:
    """A clone of a repository with git itself, on a branch with some commits."""

    def __init__(self, folder: Path) -> None:
        self.home, self.fork, self.tree = folder / "home.git", folder / "fork.git", folder / "tree"
        self._env = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in IDENTITY.items()},
        }
        folder.mkdir(exist_ok=True)
        for bare in (self.home, self.fork):
            self._run("git", "init", "-q", "--bare", "-b", "master", str(bare), at=folder)
        self._run("git", "init", "-q", "-b", "master", str(self.tree), at=folder)
        self.do(f"git remote add origin '{self.fork}'", "git commit -q --allow-empty -m First")
        self.do(f"git push -q '{self.home}' master", "git checkout -q -b fix")

    def do(self, *lines: str) -> str:
        """Type lines into a shell, in the clone; they have to succeed."""
        return "".join(self._run("sh", "-ec", line) for line in lines)

    def change(self, message: str) -> None:
        """Commit a change of its own."""
        name = f"file-{len(list(self.tree.iterdir()))}"
        (self.tree / name).write_text(message)
        self.do(f"git add {name}", f"git commit -q -m '{message}'")

    def commits(self) -> list[Commit]:
        """List the commits of the branch, oldest first, as a forge does."""
        shown = self.do("git log --reverse --topo-order -z --format='%H%n%P%n%B' master..fix").split("\0")
        found = []
        for one in filter(None, shown):
            sha, parents, message = one.split("\n", 2)
            found.append(Commit(sha, message, None, len(parents.split())))
        return found

    def _run(self, *command: str, at: Path | None = None) -> str:
        done = subprocess.run(command, cwd=at or self.tree, env=self._env, capture_output=True, check=True)
        return done.stdout.decode()


IDENTITY = {"NAME": "Tianon", "EMAIL": "tianon@example.org"}


@pytest.mark.parametrize(
    ("messages", "is_merged", "commands"),
    [
        pytest.param(["A"], False, "git commit --amend --no-edit --signoff", id="one"),
        pytest.param([SIGNED, "A"], False, "git commit --amend --no-edit --signoff", id="the-last"),
        pytest.param(["A", SIGNED, "B"], False, "git rebase --signoff HEAD~3", id="several"),
        pytest.param([SIGNED, "A", SIGNED], False, "git rebase --signoff HEAD~2", id="one-within"),
        pytest.param(["A", "B"], True, "git rebase --signoff FETCH_HEAD", id="with-a-merge-of-the-base"),
    ],
)
def test_the_commands_in_the_comment_mend_it(
    messages: Sequence[str], is_merged: bool, commands: str, tmp_path: Path
) -> None:
    clone = Clone(tmp_path)
    for message in messages:
        clone.change(message)
    if is_merged:
        clone.do(
            "git checkout -q master", "git commit -q --allow-empty -m Second", f"git push -q '{clone.home}' master"
        )
        clone.do("git checkout -q fix", "git merge -q --no-edit master")
    clone.do("git push -q -u origin fix")
    verdict = weighed(*clone.commits())
    assert not verdict.passed
    typed = [line.replace(URL, f"'{clone.home}'") for line in mend(verdict)]
    assert commands in typed
    clone.do(*typed)
    assert weighed(*clone.commits()).passed
    assert clone.do(f"git --git-dir '{clone.fork}' rev-parse fix") == clone.do("git rev-parse HEAD"), "and pushed"


def test_a_base_is_quoted_for_the_shell() -> None:
    commits = [commit("A", 1), commit("M", 2, parents=2)]
    assert mend(weighed(*commits, base="a;$(b)"))[0] == f"git fetch {URL} 'a;$(b)'"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("\n" * 65_000 + LINE, id="blank-lines"),
        pytest.param("T\n\n" + "#\n" * 16_000 + " x\n" * 10_000 + LINE, id="comments-and-folds"),
        pytest.param("T\n\n" + "a\n" * 32_000 + LINE, id="short-lines"),
        pytest.param("T\n\nSigned-off-by: " + "a " * 32_000, id="a-long-name"),
        pytest.param("T\n\n" + LINE + " <" * 32_000, id="brackets"),
        pytest.param("T\n\n" + LINE + "\n x" * 21_000, id="folded"),
        pytest.param("T\n\n" + "Signed-off-by: \n" * 4_000, id="many"),
    ],
)
def test_a_long_message_takes_no_long_time(message: str) -> None:
    """GitHub takes 64 KB and tells 250 of them."""
    began_s = time.process_time()
    sign_offs(message, old_form=True)
    assert time.process_time() - began_s < 0.2  # 0.01 s on a machine that does nothing else
