"""What is said about commits that are not signed off: on the pull request, in its status, in chat."""

import shlex
from collections.abc import Sequence

from bot import wording
from bot.values import Commit
from bot.wording import name, plain, quoted
from plugins.dco.rules import ADDRESS, DcoSettings, Verdict

MAX_LISTED = 20  # commits in a comment
MAX_SAID = 5  # and in chat
MAX_TITLE_BYTES = 100
SHA_CHARS = 12


def summary(verdict: Verdict) -> str:
    """Say in a few words how the commits are."""
    if verdict.exempt:
        return f"commits for {name(verdict.pull.base)} need no sign-off"
    if verdict.doubt:
        return f"cannot tell whether all commits are signed off: {verdict.doubt}"
    lacking = len(verdict.lacking)
    if verdict.commits == 1:
        return "the commit lacks a sign-off" if lacking else "the commit is signed off"
    if lacking:
        return f"{lacking} of {verdict.commits} commits lack{'s' if lacking == 1 else ''} a sign-off"
    return f"all {verdict.commits} commits are signed off" if verdict.commits else "no commit needs a sign-off"


def reply(verdict: Verdict) -> str:
    """Answer whoever asks."""
    lacking = [f"{commit.sha:.{SHA_CHARS}} {title(commit)}" for commit in verdict.lacking]
    told = f": {wording.listed(lacking, MAX_SAID)}" if lacking else ""
    return f"{verdict.pull.ref.short} at {verdict.pull.head:.7}: {summary(verdict)}{told}"


def comment(verdict: Verdict, settings: DcoSettings, url: str) -> str:
    """Write the comment; empty where nothing is to be mended."""
    if not verdict.lacking:
        return ""
    listed = [f"- `{commit.sha:.{SHA_CHARS}}` {code(title(commit))}" for commit in verdict.lacking[:MAX_LISTED]]
    if len(verdict.lacking) > MAX_LISTED:
        listed.append(f"- and {len(verdict.lacking) - MAX_LISTED} more")
    whose = ", with the address of the commit's author" if settings.author_must_sign else ""
    means = f" ([what that means]({url}))" if url else ""
    parts = [
        "Thank you for this pull request. Each of its commits has to end with a line "
        f"`Signed-off-by: Your Name <you@example.org>`{whose}{means}. {summary(verdict).capitalize()}:",
        "\n".join(listed),
        "On the branch of this pull request, these commands add it:",
        "\n".join(["```sh", *mend(verdict), "```"]),
        "This comment goes when nothing lacks a sign-off any more.",
    ]
    return "\n\n".join(parts)


def mend(verdict: Verdict) -> Sequence[str]:
    """List the commands that sign off what is not."""
    push = "git push --force-with-lease"
    if verdict.reach == 1:
        return ["git commit --amend --no-edit --signoff", push]
    home = verdict.pull.url.partition("/pull/")[0]
    if verdict.is_straight or not ADDRESS.fullmatch(home):
        return [f"git rebase --signoff HEAD~{verdict.reach}", push]
    fetch = (
        f"git fetch {home} {shlex.quote(plain(verdict.pull.base))}"  # how far back is not to be counted past a merge
    )
    return [fetch, "git rebase --signoff FETCH_HEAD", push]


def title(commit: Commit) -> str:
    """Quote the first line of a commit's message."""
    return quoted(commit.message.strip().partition("\n")[0], MAX_TITLE_BYTES)


def code(text: str) -> str:
    """Put words into code, where no name in them calls anybody and no number is a link."""
    return f"`{plain(text).replace('`', chr(39))}`"
