"""What a GitHub on loopback knows, and the JSON that it says it in."""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.demo.github.records import PullRecord, RepoRecord, TeamRecord, label_of, stamp

Json = dict[str, Any]

ENTERPRISE = "/api/v3"
GHOST, GHOST_ID = "ghost", 10137  # the account that everything of deleted ones is shown to be of

USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}

REPO_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


@dataclass(slots=True)
class Bodies:
    """Repositories and users, and what the API shows of them."""

    repos: dict[str, RepoRecord] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=lambda: {GHOST: GHOST_ID})
    teams: dict[str, TeamRecord] = field(default_factory=dict)
    base_url: str = ""
    may_push: bool = True  # the account of whoever asks, in every repository
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1001))

    @property
    def web_url(self) -> str:
        """Where people look; an installation of one's own has its API below that."""
        return self.base_url.removesuffix(ENTERPRISE)

    def number(self, login: str) -> int:
        """Tell the number of a user or an organisation; a new name gets one here that nobody ever had."""
        if login not in self.users:
            taken = set(self.users.values())
            self.users[login] = next(number for number in self._numbers if number not in taken)
        return self.users[login]

    def user(self, login: str, kind: str = "") -> Json:
        """Show a user, a bot or an organisation; GitHub names a bot for its app, `mergify[bot]`."""
        user_id = self.number(login)
        url = f"{self.base_url}/users/{login}"
        return {
            "login": login,
            "id": user_id,
            "node_id": f"U_{user_id:08d}",
            "avatar_url": f"{self.web_url}/avatars/u/{user_id}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.web_url}/{login}",
            **{name: url + suffix for name, suffix in USER_LINKS.items()},
            "type": kind or ("Bot" if login.endswith("[bot]") else "User"),
            "user_view_type": "public",
            "site_admin": False,
        }

    def repository(self, full_name: str, repo_id: int, created: datetime, *, fork: bool = False) -> Json:
        """Show a repository, or a fork that nothing else is known of."""
        owner, _, name = full_name.partition("/")
        url, page = f"{self.base_url}/repos/{full_name}", f"{self.web_url}/{full_name}"
        opened = sum(
            not pull.closed for repo in self.repos.values() if repo.id == repo_id for pull in repo.pulls.values()
        )
        absent = ("description", "homepage", "language", "mirror_url", "license")
        zeros = ("size", "stargazers_count", "watchers_count", "forks_count", "forks", "watchers")
        off = ("has_pages", "has_discussions", "archived", "disabled", "is_template", "web_commit_signoff_required")
        return {
            "id": repo_id,
            "node_id": f"R_{repo_id:08d}",
            "name": name,
            "full_name": full_name,
            "private": False,
            "owner": self.user(owner, kind="User" if fork else "Organization"),
            "html_url": page,
            "fork": fork,
            "url": url,
            **{link: url + suffix for link, suffix in REPO_LINKS.items()},
            "git_url": page.replace("http:", "git:") + ".git",
            "ssh_url": f"git@127.0.0.1:{full_name}.git",
            "clone_url": page + ".git",
            "svn_url": page,
            "created_at": stamp(created),
            "updated_at": stamp(created),
            "pushed_at": stamp(created),
            **dict.fromkeys(absent),
            **dict.fromkeys(zeros, 0),
            **dict.fromkeys(off, False),
            **dict.fromkeys(("has_issues", "has_projects", "has_downloads", "has_wiki", "allow_forking"), True),
            "open_issues_count": opened,
            "open_issues": opened,
            "topics": [],
            "custom_properties": {},
            "visibility": "public",
            "default_branch": "master",
            "permissions": {"admin": False, "maintain": False, "push": self.may_push, "triage": True, "pull": True},
        }

    def simple_pull(self, repo: RepoRecord, pull: PullRecord) -> Json:
        """Show a pull request as lists have it."""
        owner, _, name = repo.name.partition("/")
        url = f"{self.base_url}/repos/{repo.name}/pulls/{pull.number}"
        issue, page = url.replace("/pulls/", "/issues/"), f"{self.web_url}/{repo.name}/pull/{pull.number}"
        statuses = f"{self.base_url}/repos/{repo.name}/statuses/{pull.head}"
        home = self.repository(repo.name, repo.id, repo.created)
        # A fork's number only has to differ from other repositories', and the pull request's own does.
        there = self.repository(f"{pull.author}/{name}", pull.id, pull.created, fork=True)
        fork = there if pull.has_fork else None
        links = {
            "self": url,
            "html": page,
            "issue": issue,
            "comments": issue + "/comments",
            "review_comments": url + "/comments",
            "review_comment": f"{self.base_url}/repos/{repo.name}/pulls/comments{{/number}}",
            "commits": url + "/commits",
            "statuses": statuses,
        }
        return {
            "url": url,
            "id": pull.id,
            "node_id": f"PR_{pull.id:08d}",
            "html_url": page,
            "diff_url": page + ".diff",
            "patch_url": page + ".patch",
            "issue_url": issue,
            "number": pull.number,
            "state": "closed" if pull.closed else "open",
            "locked": False,
            "title": pull.title,
            "user": self.user(pull.author),
            "body": pull.body,
            "created_at": stamp(pull.created),
            "updated_at": stamp(pull.updated),
            "closed_at": pull.closed and stamp(pull.closed),
            "merged_at": stamp(pull.closed) if pull.closed and pull.merged else None,
            "merge_commit_sha": pull.merge_sha,
            **dict.fromkeys(("milestone", "auto_merge", "active_lock_reason")),
            "assignee": self.user(pull.assignees[0]) if pull.assignees else None,
            "assignees": [self.user(login) for login in pull.assignees],
            "requested_reviewers": [self.user(login) for login in pull.asked],
            "requested_teams": [self.team(self.teams[f"{owner}/{slug}".lower()]) for slug in pull.asked_teams],
            "labels": [self.label(repo.name, label) for label in pull.labels],
            "draft": pull.draft,
            "commits_url": links["commits"],
            "review_comments_url": links["review_comments"],
            "review_comment_url": links["review_comment"],
            "comments_url": links["comments"],
            "statuses_url": statuses,
            "head": self._end(label_of(pull), pull.branch, pull.head, self.user(pull.author), fork),
            "base": self._end(
                f"{owner}:{pull.base}", pull.base, pull.base_sha, self.user(owner, kind="Organization"), home
            ),
            "_links": {link: {"href": target} for link, target in links.items()},
            "author_association": "CONTRIBUTOR",
        }

    def pull(self, repo: RepoRecord, pull: PullRecord, asked: datetime | None = None) -> Json:
        """Show a pull request as it is read alone.

        Arguments:
            asked: when somebody reads it; None where a webhook shows it.
        """
        mergeable = repo.mergeable(pull, asked)
        known = {True: "draft" if pull.draft else "clean", False: "dirty", None: "unknown"}[mergeable]
        return {
            **self.simple_pull(repo, pull),
            "merged": pull.merged,
            "mergeable": mergeable,
            "rebaseable": mergeable,
            "mergeable_state": known,
            "merged_by": self.user(pull.merged_by) if pull.merged else None,
            "comments": len(repo.comments_on(pull.number)),
            "review_comments": 0,
            "maintainer_can_modify": not pull.closed,
            "commits": len(pull.commits),
            **dict.fromkeys(("additions", "deletions", "changed_files"), len(pull.files)),
        }

    def _end(self, label: str, ref: str, sha: str, user: Json, repo: Json | None) -> Json:
        return {"label": label, "ref": ref, "sha": sha, "user": user, "repo": repo}

    def label(self, repo: str, name: str) -> Json:
        """Show a label."""
        number = int(hashlib.sha256(name.encode()).hexdigest()[:7], 16)
        url = f"{self.base_url}/repos/{repo}/labels/{name}"
        known = {"id": number, "node_id": f"LA_{number:09d}", "url": url, "name": name}
        return {**known, "color": "ededed", "default": False, "description": f"About {name}"}

    def organization(self, login: str) -> Json:
        """Show an organisation as webhooks do."""
        url = f"{self.base_url}/orgs/{login}"
        links = ("repos", "events", "hooks", "issues")
        return {
            "login": login,
            "id": self.number(login),
            "node_id": f"O_{self.number(login):08d}",
            "url": url,
            **{f"{link}_url": f"{url}/{link}" for link in links},
            "members_url": f"{url}/members{{/member}}",
            "public_members_url": f"{url}/public_members{{/member}}",
            "avatar_url": f"{self.web_url}/avatars/u/{self.number(login)}",
            "description": "",
        }

    def team_path(self, team: TeamRecord) -> str:
        """Tell where a team is, by numbers."""
        return f"/organizations/{self.number(team.organization)}/team/{team.id}"

    def team(self, team: TeamRecord) -> Json:
        """Show a team."""
        slug = team.name.partition("/")[2]
        url, parent = self.base_url + self.team_path(team), self.teams.get(team.parent)
        return {
            "id": team.id,
            "node_id": f"T_{team.id:08d}",
            "url": url,
            "html_url": f"{self.web_url}/orgs/{team.organization}/teams/{slug}",
            "name": slug,
            "slug": slug,
            "description": "",
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "permission": "pull",
            "type": "organization",
            "members_url": url + "/members{/member}",
            "repositories_url": url + "/repos",
            "parent": self.team(parent) if parent else None,
        }
