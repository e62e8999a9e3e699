"""What happens to pull requests and branches at a GitHub on loopback; whoever has a hook there is told."""

from collections.abc import Sequence

from bot.demo.github.bodies import Json
from bot.demo.github.commit_bodies import person, pushed_commit
from bot.demo.github.known import Known
from bot.demo.github.records import DEFAULT_BRANCH, FileRecord, Merging, PullRecord, RepoRecord, branch_for

NOTHING = "0" * 40  # before the first commit of a branch, after its last


class PullChanges(Known):
    """Every change of a pull request itself; comments and reviews are in `TalkChanges`."""

    def open_pull(
        self,
        repo: str,
        *,
        title: str,
        author: str,
        head_sha: str | None = None,
        base: str = "master",
        number: int | None = None,
        draft: bool = False,
        labels: tuple[str, ...] = (),
        files: Sequence[FileRecord] = (),
        body: str | None = None,
        message: str = "",
    ) -> int:
        """Open a pull request from the author's fork and return its number.

        Arguments:
            message: what its commit says, if not the title.
        """
        home, now = self.repo(repo), self.clock.now()
        number = number or home.next_number()
        self.bodies.number(author)  # gives them their number now, whatever is read first
        record = PullRecord(
            id=self.next_id(),
            number=number,
            title=title,
            author=author,
            head=head_sha or self.next_sha(),
            base=base,
            base_sha=self._tip(home, base),
            merge_sha=self.next_sha(),
            draft=draft,
            labels=labels,
            created=now,
            updated=now,
            branch=branch_for(number, title),
            body=body,
            files=list(files) or [FileRecord(f"daemon/change-{number}.go")],
        )
        record.commits.append(self.commit(home, record.head, message or title, author, record.base_sha))
        home.pulls[number] = record
        home.unsettle(record)
        self._tell(home, record, "opened", author)
        return number

    def pulls(self, repo: str) -> list[tuple[int, str, str]]:
        """List the number, title and author of what is open."""
        pulls = self.repo(repo).pulls.values()
        return [(pull.number, pull.title, pull.author) for pull in pulls if not pull.closed]

    def push(self, repo: str, number: int, sha: str | None = None, *, message: str = "", force: bool = False) -> str:
        """Move the head of a pull request and return the new head.

        Arguments:
            force: the new commit takes the place of all others.
        """
        home, pull = self.repo(repo), self.pull_record(repo, number)
        before = pull.head
        pull.head, pull.merge_sha = sha or self.next_sha(), self.next_sha()
        parent = pull.base_sha if force else before
        made = self.commit(home, pull.head, message or f"More of {pull.title}", pull.author, parent)
        pull.commits = [made] if force else [*pull.commits, made]
        if home.merging.by_files and force:
            pull.mergeable = True
        home.unsettle(pull)
        self.touch(pull)
        self._tell(home, pull, "synchronize", pull.author, before=before, after=pull.head)
        return pull.head

    def close(self, repo: str, number: int, merged: bool = False, *, by: str = "") -> None:
        """Close a pull request, merged or not."""
        home, pull = self.repo(repo), self.pull_record(repo, number)
        pull.closed = pull.updated = self.clock.now()
        pull.merged, pull.merged_by = merged, (by or home.owner) if merged else ""
        before = self._tip(home, pull.base)
        if merged:
            pull.commits[-1].files = tuple(file.path for file in pull.files)
            self.commit(home, pull.merge_sha, f"Merge #{number}", pull.merged_by, before, pull.head)
            home.tips[pull.base] = pull.merge_sha
            home.merged_into(pull.base, {file.path for file in pull.files})
        self._tell(home, pull, "closed", by or home.owner)
        if merged:
            self._tell_push(home, pull.base, before, pull.merge_sha, by or home.owner)

    def reopen(self, repo: str, number: int, *, by: str = "") -> None:
        """Open a closed pull request again."""
        home, pull = self.repo(repo), self.pull_record(repo, number)
        pull.closed = None
        home.unsettle(pull)
        self.touch(pull)
        self._tell(home, pull, "reopened", by or pull.author)

    def edit(self, repo: str, number: int, *, title: str | None = None, base: str | None = None, by: str = "") -> None:
        """Give a pull request another title or another base branch."""
        home, pull = self.repo(repo), self.pull_record(repo, number)
        changes: Json = {}
        if title is not None:
            changes["title"] = {"from": pull.title}
            pull.title = title
        if base is not None:
            changes["base"] = {"ref": {"from": pull.base}, "sha": {"from": pull.base_sha}}
            pull.base, pull.base_sha = base, self._tip(home, base)
            home.unsettle(pull)
        self.touch(pull)
        self._tell(home, pull, "edited", by or pull.author, changes=changes)

    def label(self, repo: str, number: int, *names: str, by: str = "") -> None:
        """Put labels on a pull request; those that it has are left."""
        home, pull = self.repo(repo), self.pull_record(repo, number)
        for name in dict.fromkeys(names):
            if name not in pull.labels:
                pull.labels = (*pull.labels, name)
                self.touch(pull)
                self._tell(home, pull, "labeled", by, label=self.bodies.label(home.name, name))

    def unlabel(self, repo: str, number: int, *names: str, by: str = "") -> None:
        """Take labels off a pull request."""
        home, pull = self.repo(repo), self.pull_record(repo, number)
        for name in names:
            pull.labels = tuple(label for label in pull.labels if label != name)
            self.touch(pull)
            self._tell(home, pull, "unlabeled", by, label=self.bodies.label(home.name, name))

    def ready(self, repo: str, number: int, *, by: str = "") -> None:
        """Make a draft a pull request that is meant."""
        self._set_draft(repo, number, False, by)

    def unready(self, repo: str, number: int, *, by: str = "") -> None:
        """Make a pull request a draft again."""
        self._set_draft(repo, number, True, by)

    def ask_review(self, repo: str, number: int, *logins: str, teams: Sequence[str] = (), by: str = "") -> None:
        """Ask people for a review, and teams of the organisation by their slugs; each is an event of its own."""
        home, pull = self.repo(repo), self.pull_record(repo, number)
        for login in logins:
            pull.asked = [*dict.fromkeys([*pull.asked, login])]
            self.touch(pull)
            asked = {"requested_reviewer": self.bodies.user(login)}
            self._tell(home, pull, "review_requested", by or pull.author, **asked)
        for slug in teams:
            team = self.bodies.teams[f"{home.owner}/{slug}".lower()]
            pull.asked_teams = [*dict.fromkeys([*pull.asked_teams, slug])]
            self.touch(pull)
            self._tell(home, pull, "review_requested", by or pull.author, requested_team=self.bodies.team(team))

    def unask_review(self, repo: str, number: int, *logins: str, teams: Sequence[str] = (), by: str = "") -> None:
        """Ask them no longer."""
        home, pull = self.repo(repo), self.pull_record(repo, number)
        pull.asked_teams = [slug for slug in pull.asked_teams if slug not in teams]
        for login in (login for login in logins if login in pull.asked):
            pull.asked.remove(login)
            self.touch(pull)
            asked = {"requested_reviewer": self.bodies.user(login)}
            self._tell(home, pull, "review_request_removed", by or pull.author, **asked)

    def assign(self, repo: str, number: int, *logins: str, by: str = "") -> None:
        """Make a pull request these people's matter; each is an event of its own."""
        home, pull = self.repo(repo), self.pull_record(repo, number)
        for login in (login for login in logins if login not in pull.assignees):
            pull.assignees.append(login)
            self.touch(pull)
            self._tell(home, pull, "assigned", by or home.owner, assignee=self.bodies.user(login))

    def unassign(self, repo: str, number: int, *logins: str, by: str = "") -> None:
        """Make it their matter no longer."""
        home, pull = self.repo(repo), self.pull_record(repo, number)
        for login in (login for login in logins if login in pull.assignees):
            pull.assignees.remove(login)
            self.touch(pull)
            self._tell(home, pull, "unassigned", by or home.owner, assignee=self.bodies.user(login))

    def vote(self, repo: str, number: int, *logins: str) -> None:
        """Put these people's thumbs up to a pull request. Hooks hear nothing of it, as at GitHub."""
        pull = self.pull_record(repo, number)
        pull.voters = [*dict.fromkeys([*pull.voters, *logins])]

    def set_mergeable(self, repo: str, number: int, mergeable: bool | None) -> None:
        """Let a pull request merge or not; None while that is being worked out. Nobody is told, as at GitHub."""
        self.pull_record(repo, number).mergeable = mergeable

    def set_merging(self, repo: str, *, asks: int = 0, after_s: float = 0.0, by_files: bool = False) -> None:
        """Let it be unknown, after each push to a pull request or its base, whether it merges, until that was asked for
        often enough; all that is open begins so. A new base under `edit`, and a reopening, count as a push.

        Arguments:
            asks: how many answers say that it is not known, by REST or GraphQL; 0: none, as where nobody says anything.
            after_s: how long after the first of them it is known at the soonest, if `asks` is not 0.
            by_files: what is merged breaks those pull requests into that branch that change one of its files, until
                somebody pushes to them with `force`.
        """
        home = self.repo(repo)
        home.merging = Merging(asks, after_s, by_files)
        for pull in home.pulls.values():
            home.unsettle(pull)

    def set_files(self, repo: str, number: int, files: Sequence[FileRecord | str]) -> None:
        """Let a pull request change these files."""
        records = [FileRecord(file) if isinstance(file, str) else file for file in files]
        self.pull_record(repo, number).files = records

    def set_commits(self, repo: str, number: int, messages: Sequence[str], *, author: str | None = None) -> str:
        """Let a pull request consist of these commits, oldest first, and return the new head."""
        home, pull = self.repo(repo), self.pull_record(repo, number)
        before, parent, made = pull.head, pull.base_sha, []
        who = pull.author if author is None else author
        for message in messages:
            made.append(self.commit(home, self.next_sha(), message, who, parent))
            parent = made[-1].sha
        pull.commits, pull.head, pull.merge_sha = made, parent, self.next_sha()
        home.unsettle(pull)
        self.touch(pull)
        self._tell(home, pull, "synchronize", pull.author, before=before, after=pull.head)
        return pull.head

    def lose_fork(self, repo: str, number: int) -> None:
        """Delete the repository that a pull request comes from."""
        self.pull_record(repo, number).has_fork = False

    def push_branch(
        self,
        repo: str,
        branch: str,
        sha: str | None = None,
        *,
        by: str = "",
        message: str = "",
        files: Sequence[str] = (),
    ) -> str:
        """Push a commit that changes some files to a branch of the repository itself and return the new head."""
        home = self.repo(repo)
        before = home.tips.get(branch, NOTHING)
        known = () if before == NOTHING else (before,)
        made = self.commit(home, sha or self.next_sha(), message or f"Work on {branch}", by or home.owner, *known)
        made.files = tuple(files)
        home.tips[branch] = made.sha
        home.merged_into(branch, files)
        self._tell_push(home, branch, before, made.sha, by or home.owner)
        return made.sha

    def put_file(self, repo: str, path: str, text: str | bytes, *, author: str | None = None) -> str:
        """Push a commit to the default branch that writes a file, and return the new head.

        Arguments:
            author: whose commit it is, if not the owner's; empty for somebody whom GitHub does not know.
        """
        home = self.repo(repo)
        who = home.owner if author is None else author
        if who:
            self.bodies.number(who)  # an account from now on
        before = self._tip(home, DEFAULT_BRANCH)
        made = self.commit(home, self.next_sha(), f"Write {path}", who, before)
        made.files = (path,)
        home.contents[path] = text if isinstance(text, bytes) else text.encode()
        home.tips[DEFAULT_BRANCH] = made.sha
        home.merged_into(DEFAULT_BRANCH, made.files)
        self._tell_push(home, DEFAULT_BRANCH, before, made.sha, who or home.owner)
        return made.sha

    def delete_branch(self, repo: str, branch: str, *, by: str = "") -> None:
        """Delete a branch of the repository itself."""
        home = self.repo(repo)
        self._tell_push(home, branch, home.tips.pop(branch), NOTHING, by or home.owner)

    def _set_draft(self, repo: str, number: int, draft: bool, by: str) -> None:
        home, pull = self.repo(repo), self.pull_record(repo, number)
        pull.draft = draft
        self.touch(pull)
        self._tell(home, pull, "converted_to_draft" if draft else "ready_for_review", by or pull.author)

    def _tip(self, home: RepoRecord, branch: str) -> str:
        if branch not in home.tips:
            home.tips[branch] = self.commit(home, self.next_sha(), f"Start of {branch}", home.owner).sha
        return home.tips[branch]

    def _tell(self, home: RepoRecord, pull: PullRecord, action: str, sender: str, **more: object) -> None:
        if self.wants(home, "pull_request"):
            shown = self.bodies.pull(home, pull)
            body = {"action": action, "number": pull.number, "pull_request": shown, **more}
            self.tell(home, "pull_request", sender, body)

    def _tell_push(self, home: RepoRecord, branch: str, before: str, after: str, by: str) -> None:
        if not self.wants(home, "push"):
            return
        made = home.commits.get(after)
        commits = [pushed_commit(self.bodies, home, made)] if made else []
        compare = f"{self.bodies.web_url}/{home.name}/compare/{before[:12]}...{after[:12]}"
        body = {
            "ref": f"refs/heads/{branch}",
            "before": before,
            "after": after,
            "created": before == NOTHING,
            "deleted": after == NOTHING,
            "forced": False,
            "base_ref": None,
            "compare": compare,
            "commits": commits,
            "head_commit": commits[-1] if commits else None,
            "pusher": person(by),
            "repository": self._pushed_repository(home),
        }
        self.tell(home, "push", by, body)

    def _pushed_repository(self, home: RepoRecord) -> Json:
        """Show a repository as pushes do, which have a format of their own for some of it."""
        shown = self.bodies.repository(home.name, home.id, home.created)
        return {
            **shown,
            "owner": {**person(home.owner), **shown["owner"]},
            "created_at": int(home.created.timestamp()),
            "pushed_at": int(self.clock.now().timestamp()),
            "stargazers": 0,
            "master_branch": shown["default_branch"],
        }
