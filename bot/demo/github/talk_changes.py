"""What people and programs say about pull requests and commits at a GitHub on loopback; hooks are told."""

from bot.demo.github.bodies import Json
from bot.demo.github.commit_bodies import commit_body
from bot.demo.github.known import Known
from bot.demo.github.records import CommentRecord, PullRecord, ReactionRecord, RepoRecord, ReviewRecord, StatusRecord
from bot.demo.github.talk_bodies import comment_body, issue_body, review_body


class TalkChanges(Known):
    """Comments with their reactions, reviews, and statuses of commits."""

    def comment(self, repo: str, number: int, body: str, *, by: str) -> int:
        """Comment on a pull request and return the comment's id."""
        home, pull, now = self.repo(repo), self.pull_record(repo, number), self.clock.now()
        made = CommentRecord(self.next_id(), number, by, body, now, now)
        home.comments[made.id] = made
        self.touch(pull)
        self._tell_comment(home, made, "created", by)
        return made.id

    def edit_comment(self, repo: str, comment_id: int, body: str, *, by: str = "") -> None:
        """Write a comment anew."""
        home = self.repo(repo)
        comment = home.comments[comment_id]
        changes = {"changes": {"body": {"from": comment.body}}}
        comment.body, comment.updated = body, self.clock.now()
        self._tell_comment(home, comment, "edited", by or comment.author, changes)

    def delete_comment(self, repo: str, comment_id: int, *, by: str = "") -> None:
        """Take a comment away."""
        home = self.repo(repo)
        comment = home.comments.pop(comment_id)
        self._tell_comment(home, comment, "deleted", by or comment.author)

    def comments(self, repo: str, number: int) -> list[tuple[int, str, str]]:
        """List the id, author and text of the comments on a pull request."""
        return [(comment.id, comment.author, comment.body) for comment in self.repo(repo).comments_on(number)]

    def react(self, repo: str, comment_id: int, content: str, *, by: str) -> tuple[ReactionRecord, bool]:
        """Answer a comment by a sign, and tell whether it is a new one. Hooks hear nothing of it, as at GitHub."""
        reactions = self.repo(repo).comments[comment_id].reactions
        for reaction in reactions:
            if (reaction.content, reaction.author) == (content, by):
                return reaction, False
        reactions.append(ReactionRecord(self.next_id(), content, by, self.clock.now()))
        return reactions[-1], True

    def review(self, repo: str, number: int, state: str = "APPROVED", *, by: str, body: str = "", sha: str = "") -> int:
        """Review a pull request at its head, or at another commit, and return the review's id.

        Arguments:
            state: APPROVED, CHANGES_REQUESTED or COMMENTED.
        """
        home, pull = self.repo(repo), self.pull_record(repo, number)
        made = ReviewRecord(self.next_id(), by, state, body, sha or pull.head, self.clock.now())
        pull.reviews.append(made)
        pull.asked = [login for login in pull.asked if login != by]
        self.touch(pull)
        self._tell_review(home, pull, made, "submitted", by)
        return made.id

    def dismiss_review(self, repo: str, number: int, review_id: int, *, by: str = "") -> None:
        """Let a review count no more."""
        home, pull = self.repo(repo), self.pull_record(repo, number)
        [review] = [review for review in pull.reviews if review.id == review_id]
        review.state = "DISMISSED"
        self.touch(pull)
        self._tell_review(home, pull, review, "dismissed", by)

    def set_status(
        self, repo: str, sha: str, context: str, state: str, *, by: str, description: str | None = None, url: str = ""
    ) -> StatusRecord:
        """Say how a context stands at a commit; a pull request is no newer for that."""
        home = self.repo(repo)
        made = StatusRecord(self.next_id(), sha, context, state, description, url or None, by, self.clock.now())
        home.statuses.setdefault(sha, []).append(made)
        if self.wants(home, "status"):
            self.tell(home, "status", by, self._status_told(home, made))
        return made

    def statuses(self, repo: str, sha: str) -> list[StatusRecord]:
        """List everything that was ever said of a commit, oldest first."""
        return list(self.repo(repo).statuses.get(sha, ()))

    def _status_told(self, home: RepoRecord, status: StatusRecord) -> Json:
        moment = status.at.isoformat(timespec="seconds")
        tips = [(name, sha) for name, sha in home.tips.items() if sha == status.sha]
        url = f"{self.bodies.base_url}/repos/{home.name}/commits"
        return {
            "id": status.id,
            "sha": status.sha,
            "name": home.name,
            "avatar_url": f"{self.bodies.web_url}/avatars/u/{self.bodies.number(status.creator)}",
            "target_url": status.url,
            "context": status.context,
            "description": status.description,
            "state": status.state,
            "commit": commit_body(self.bodies, home, home.commits[status.sha]),
            "branches": [
                {"name": name, "commit": {"sha": sha, "url": f"{url}/{sha}"}, "protected": False} for name, sha in tips
            ],
            "created_at": moment,
            "updated_at": moment,
        }

    def _tell_comment(
        self, home: RepoRecord, comment: CommentRecord, action: str, sender: str, more: Json | None = None
    ) -> None:
        if self.wants(home, "issue_comment"):
            issue = issue_body(self.bodies, home, home.pulls[comment.number])
            shown = comment_body(self.bodies, home, comment)
            self.tell(
                home, "issue_comment", sender, {"action": action, **(more or {}), "issue": issue, "comment": shown}
            )

    def _tell_review(self, home: RepoRecord, pull: PullRecord, review: ReviewRecord, action: str, sender: str) -> None:
        if self.wants(home, "pull_request_review"):
            shown = review_body(self.bodies, home, pull, review)
            shown |= {"state": review.state.lower(), "body": review.body or None}
            body = {"action": action, "review": shown, "pull_request": self.bodies.simple_pull(home, pull)}
            self.tell(home, "pull_request_review", sender, body)
