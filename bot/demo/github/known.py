"""What a GitHub on loopback knows, before anybody asks or changes anything."""

import hashlib

from bot.clock import Clock
from bot.demo.github.bodies import GHOST, Bodies, Json
from bot.demo.github.hooks import Hooks
from bot.demo.github.records import CommitRecord, PullRecord, RepoRecord

SENDER = "somebody-with-rights"  # does what nobody in particular is said to do


class Known:
    """Repositories, accounts and ids; what is made of them is in the classes that build on this one.

    Arguments:
        clock: dates everything.
        seed: other seeds give other commit ids.
    """

    def __init__(self, clock: Clock, seed: str) -> None:
        self.clock = clock
        self.bodies = Bodies()
        self.hooks = Hooks(clock, self.bodies, seed)
        self._seed = seed
        self._counter = 0

    def add_repo(self, name: str) -> None:
        """Create a repository, such as moby/moby."""
        self.bodies.repos[name.lower()] = RepoRecord(self.next_id(), name, self.clock.now())

    def number_of(self, login: str) -> int:
        """Tell the number of an account; a new login is a new account."""
        return self.bodies.number(login)

    def rename(self, login: str, new: str) -> None:
        """Give an account another login; the old one is free then, and whoever takes it is somebody else."""
        self.bodies.users[new] = self.bodies.users.pop(login)
        self._show_as(login, new)

    def delete_account(self, login: str) -> None:
        """Delete an account; what it has written stays, and is the ghost's."""
        self.bodies.users.pop(login, None)
        self._show_as(login, GHOST)

    def _show_as(self, login: str, new: str) -> None:
        for repo in self.bodies.repos.values():
            for pull in repo.pulls.values():
                pull.author = new if pull.author == login else pull.author
                for review in pull.reviews:
                    review.author = new if review.author == login else review.author
                for logins in (pull.asked, pull.assignees, pull.voters):
                    logins[:] = [new if each == login else each for each in logins if each != login or new != GHOST]
            for commit in repo.commits.values():
                if commit.author == login:
                    commit.author = "" if new == GHOST else new
            for comment in repo.comments.values():
                comment.author = new if comment.author == login else comment.author
            for status in (status for statuses in repo.statuses.values() for status in statuses):
                status.creator = new if status.creator == login else status.creator

    def repo(self, name: str) -> RepoRecord:
        """Give the record of a repository, named in any case; KeyError when there is none."""
        return self.bodies.repos[name.lower()]

    def pull_record(self, repo: str, number: int) -> PullRecord:
        """Give the record of a pull request; KeyError when there is none."""
        return self.repo(repo).pulls[number]

    def next_id(self) -> int:
        """Give a number that nothing has."""
        self._counter += 1
        return self._counter

    def next_sha(self) -> str:
        """Make up the id of a new commit."""
        return hashlib.sha256(f"{self._seed}:{self.next_id()}".encode()).hexdigest()[:40]

    def touch(self, pull: PullRecord) -> None:
        """Date the last change of a pull request to now."""
        pull.updated = self.clock.now()

    def commit(self, repo: RepoRecord, sha: str, message: str, author: str, *parents: str) -> CommitRecord:
        """Make a commit; one that is there already, as after a force-push back to it, is the same one."""
        known = repo.commits.get(sha)
        if known is None:
            known = repo.commits[sha] = CommitRecord(sha, message, author, parents, self.clock.now())
        return known

    def tell(self, repo: RepoRecord, event: str, sender: str, body: Json) -> None:
        """Send an event to every hook that wants it, with what all events carry."""
        self.hooks.tell(event, repo, {**self._everywhere(repo, sender or SENDER), **body})

    def wants(self, repo: RepoRecord, event: str) -> bool:
        """Tell whether any hook wants an event, as it would be waste to write it down for nobody."""
        return bool(self.hooks.of(repo, event))

    def _everywhere(self, repo: RepoRecord, sender: str) -> Json:
        shown = self.bodies.repository(repo.name, repo.id, repo.created)
        organization = self.bodies.organization(repo.owner)
        return {"repository": shown, "organization": organization, "sender": self.bodies.user(sender)}
