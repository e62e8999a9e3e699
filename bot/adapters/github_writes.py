"""What Gordon tells GitHub: statuses, comments that it finds again, labels, reactions; each write is sent once."""

import re
from collections.abc import Sequence
from urllib.parse import quote

from bot.adapters import github_lists as lists
from bot.adapters import github_wire as wire
from bot.adapters.github_http import PEER, Errand, GitHubHttp
from bot.adapters.github_pages import GitHubPages
from bot.clock import Clock
from bot.errors import Refused, Unavailable, Unrecognised, UserError
from bot.secret import redact, redact_markdown
from bot.values import Comment, PullRef, Status
from bot.wording import MAX_DESCRIPTION

OWN_REFUSED_S = 600.0  # so long a token that may not read who we are is not asked again
MAX_CONTEXT = 255
MAX_URL = 2048
MAX_BODY = 65_536
MAX_LABEL = 50
MARKER = re.compile(r"(?!.*--)[\w.:/@#-]{1,200}", re.ASCII)  # "--" and ">" would end the comment that hides it
FOUR_BYTES = re.compile("[\U00010000-\U0010ffff]")  # such as emoji, which GitHub takes in no description of a status
REACTIONS = frozenset({"+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"})


class GitHubWrites(GitHubPages):
    """A GitHub that is read and written."""

    def __init__(self, http: GitHubHttp, clock: Clock) -> None:
        super().__init__(http)
        self._clock = clock
        self._own_ids = dict[int, int]()  # by which token it was
        self._own_refused = dict[int, tuple[float, str]]()  # by which token it was, until when and why

    async def set_status(self, repo: str, sha: str, status: Status) -> None:
        """Tell how a context stands at a commit, cut to what GitHub takes."""
        if not wire.SHA.fullmatch(sha) or not 0 < len(status.context) <= MAX_CONTEXT:
            raise UserError(f"{status.context!r} at {sha!r} is no context at a whole commit")
        told = {
            "state": status.state.value,
            "context": wire.one_line(status.context, MAX_CONTEXT),
            "description": FOUR_BYTES.sub(
                "\N{REPLACEMENT CHARACTER}", wire.one_line(status.description, MAX_DESCRIPTION)
            ),
        }
        url = wire.web_link(status.url)
        if url and len(url) <= MAX_URL:
            told["target_url"] = redact(url)
        errand = Errand(f"setting the status {status.context} of {sha:.7}", repo)
        code, _ = await self._http.write("POST", f"{self._home(repo)}/statuses/{sha}", told, _nothing, errand)
        _must_be_there(code, errand)

    async def marked_comment(self, ref: PullRef, marker: str) -> Comment | None:
        """Find our own comment that carries a hidden marker: the newest, from the end of the list on."""
        first_line = _first_line(marker)
        async for page in self._comments_backwards(ref):
            own_id = (
                await self.own_number()
            )  # after what is to be compared with it: the token may have been another before
            for comment in reversed(page):
                if comment.author.number == own_id and (found := _unmarked(comment, first_line)):
                    return found
        return None

    async def comment(self, ref: PullRef, marker: str, body: str) -> Comment:
        """Write a comment that carries a hidden marker, cut to what GitHub takes."""
        path = f"{self._home(ref.repo)}/issues/{ref.number}/comments"
        return await self._say("POST", path, marker, body, Errand(f"commenting on {ref}", ref.repo))

    async def edit_comment(self, ref: PullRef, comment_id: int, marker: str, body: str) -> Comment:
        """Write a comment of ours anew, with its marker.

        Raises:
            UserError: it is gone.
        """
        path = f"{self._home(ref.repo)}/issues/comments/{comment_id}"
        return await self._say("PATCH", path, marker, body, Errand(f"editing a comment on {ref}", ref.repo))

    async def delete_comment(self, ref: PullRef, comment_id: int) -> None:
        """Take a comment of ours away; one that is gone is no mistake."""
        path = f"{self._home(ref.repo)}/issues/comments/{comment_id}"
        await self._http.write("DELETE", path, None, _nothing, Errand(f"deleting a comment on {ref}", ref.repo))

    async def set_labels(self, ref: PullRef, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Sequence[str]:
        """Have labels be there or not: read first, then one write for all that lack and one for each that is too much.

        GitHub's names of labels differ in more than their case.
        """
        for name in (*add, *remove):
            if not 0 < len(name) <= MAX_LABEL or not name.isprintable():
                raise UserError(f"{name!r} cannot be a label")
        labels = await self._labels(ref)
        path = f"{self._home(ref.repo)}/issues/{ref.number}/labels"
        errand = Errand(f"labelling {ref}", ref.repo)
        there = {name.casefold() for name in labels}
        if missing := [name for name in dict.fromkeys(add) if name.casefold() not in there]:
            code, told = await self._http.write("POST", path, {"labels": missing}, lists.read_labels, errand)
            _must_be_there(code, errand)
            labels = labels if told is None else told
        unwanted = {name.casefold() for name in remove}
        for name in [name for name in labels if name.casefold() in unwanted]:
            # A 404 says that somebody has taken it away meanwhile: the pull request was there a moment ago.
            url = f"{path}/{quote(name, safe='')}"
            _, told = await self._http.write("DELETE", url, None, lists.read_labels, errand)
            labels = [each for each in labels if each != name] if told is None else told
        return labels

    async def react(self, ref: PullRef, comment_id: int, reaction: str) -> None:
        """Answer a comment by an emoji; the same a second time changes nothing."""
        if reaction not in REACTIONS:
            raise UserError(f"{reaction!r} is no reaction: GitHub has {', '.join(sorted(REACTIONS))}")
        path = f"{self._home(ref.repo)}/issues/comments/{comment_id}/reactions"
        errand = Errand(f"reacting on {ref}", ref.repo)
        code, _ = await self._http.write("POST", path, {"content": reaction}, _nothing, errand)
        if code == 404:
            raise UserError(f"the comment on {ref} is gone, or the token may not react to it")

    async def _say(self, method: str, path: str, marker: str, body: str, errand: Errand) -> Comment:
        first_line = _first_line(marker)
        text = redact_markdown(body)
        room = MAX_BODY - len(first_line)
        text = first_line + (text if len(text) <= room else text[: room - 1] + "…")
        code, said = await self._http.write(method, path, {"body": text}, lists.read_comment, errand)
        if code == 404 and method == "PATCH":
            raise UserError("the comment is gone")
        _must_be_there(code, errand)
        if said is None:
            raise Unavailable(PEER, f"{errand.doing}: it answered something unreadable")
        return _unmarked(said, first_line) or said

    async def own_number(self) -> int:
        """Learn the number of our own account once for a token: its owner, or the bot that an App is.

        Raises:
            Refused: this token may not read it; for some minutes that is not asked again.
        """
        while (login := self._http.logins) not in self._own_ids:
            until_s, why = self._own_refused.get(login, (0.0, ""))
            if self._clock.monotonic_s() < until_s:
                raise Refused(PEER, why)
            try:
                number = await self._asked_who_we_are()
            except Unrecognised:  # the next token may be taken, which nobody would try
                raise
            except Refused as error:
                self._own_refused = {login: (self._clock.monotonic_s() + OWN_REFUSED_S, error.reason)}
                raise
            self._own_ids = {login: number}  # and asked for once more if the token was changed meanwhile
        return self._own_ids[login]

    async def _asked_who_we_are(self) -> int:
        errand = Errand("asking who we are", "its own account")
        path = "/user"
        if self._http.is_app:
            app = await self._http.get("/app", lists.read_slug, errand, as_app=True)
            path = f"/users/{quote(app[0] if app else '', safe='')}%5Bbot%5D"
        found = await self._http.get(path, lists.read_id, errand)
        if found is None:
            raise Refused(PEER, "it does not tell who we are")
        return found[0]


def _first_line(marker: str) -> str:
    if not MARKER.fullmatch(marker):
        raise UserError(f"{marker!r} cannot mark a comment")
    return f"<!-- gordon:{marker} -->\n"


def _unmarked(comment: Comment, first_line: str) -> Comment | None:
    """Tell a comment as it was given; None if it does not carry the marker."""
    body = comment.body.replace("\r\n", "\n")  # as whoever edits it in a browser leaves it
    if not body.startswith(first_line):
        return None
    return Comment(comment.id, comment.author, body.removeprefix(first_line), comment.at, comment.url)


def _must_be_there(code: int, errand: Errand) -> None:
    if code == 404:
        raise Refused(PEER, f"what {errand.doing} is about is not there, or the token may not write to {errand.of}")


def _nothing(_: str) -> None:
    """Read nothing of an answer."""
