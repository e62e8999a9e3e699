"""The JSON in which GitHub shows commits, the files that they change and the statuses that they have."""

import hashlib

from bot.demo.github.bodies import Bodies, Json
from bot.demo.github.records import CommitRecord, FileRecord, PullRecord, RepoRecord, StatusRecord, stamp, together


def commit_body(bodies: Bodies, repo: RepoRecord, commit: CommitRecord) -> Json:
    """Show a commit; without an account of the author's, as git alone knows it."""
    url, page = f"{bodies.base_url}/repos/{repo.name}", f"{bodies.web_url}/{repo.name}"
    tree = tree_of(commit)
    who = {**person(commit.author), "date": stamp(commit.at)}
    account = bodies.user(commit.author) if commit.author else None
    return {
        "sha": commit.sha,
        "node_id": f"C_{commit.sha}",
        "commit": {
            "author": who,
            "committer": who,
            "message": commit.message,
            "tree": {"sha": tree, "url": f"{url}/git/trees/{tree}"},
            "url": f"{url}/git/commits/{commit.sha}",
            "comment_count": 0,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        },
        "url": f"{url}/commits/{commit.sha}",
        "html_url": f"{page}/commit/{commit.sha}",
        "comments_url": f"{url}/commits/{commit.sha}/comments",
        "author": account,
        "committer": account,
        "parents": [
            {"sha": sha, "url": f"{url}/commits/{sha}", "html_url": f"{page}/commit/{sha}"} for sha in commit.parents
        ],
    }


def pushed_commit(bodies: Bodies, repo: RepoRecord, commit: CommitRecord) -> Json:
    """Show a commit as a push tells of it."""
    who = {**person(commit.author), **({"username": commit.author} if commit.author else {})}
    return {
        "id": commit.sha,
        "tree_id": tree_of(commit),
        "distinct": True,
        "message": commit.message,
        "timestamp": commit.at.isoformat(timespec="seconds"),
        "url": f"{bodies.web_url}/{repo.name}/commit/{commit.sha}",
        "author": who,
        "committer": who,
        "added": [],
        "removed": [],
        "modified": ["README.md"],
    }


def file_body(bodies: Bodies, repo: RepoRecord, pull: PullRecord, file: FileRecord) -> Json:
    """Show a file that a pull request changes, by one line."""
    page = f"{bodies.web_url}/{repo.name}"
    contents = f"{bodies.base_url}/repos/{repo.name}/contents/{file.path}?ref={pull.head}"
    return {
        "sha": hashlib.sha256(f"{pull.head}:{file.path}".encode()).hexdigest()[:40],
        "filename": file.path,
        "status": file.status,
        "additions": 1,
        "deletions": 1,
        "changes": 2,
        "blob_url": f"{page}/blob/{pull.head}/{file.path}",
        "raw_url": f"{page}/raw/{pull.head}/{file.path}",
        "contents_url": contents,
        "patch": "@@ -1 +1 @@\n-old\n+new",
        **({"previous_filename": file.before} if file.before else {}),
    }


def status_body(bodies: Bodies, repo: RepoRecord, status: StatusRecord) -> Json:
    """Show a status of a commit."""
    return {**_simple_status(bodies, repo, status), "creator": bodies.user(status.creator)}


def combined_body(bodies: Bodies, repo: RepoRecord, sha: str, shown: list[StatusRecord]) -> Json:
    """Show the newest statuses of a commit together.

    Arguments:
        shown: the page of them that was asked for.
    """
    newest, url = repo.newest_statuses(sha), f"{bodies.base_url}/repos/{repo.name}/commits/{sha}"
    return {
        "state": together(newest),
        "statuses": [_simple_status(bodies, repo, status) for status in shown],
        "sha": sha,
        "total_count": len(newest),
        "repository": bodies.repository(repo.name, repo.id, repo.created),
        "commit_url": url,
        "url": f"{url}/status",
    }


def tree_of(commit: CommitRecord) -> str:
    """Make up the id of a commit's tree."""
    return hashlib.sha256(f"tree of {commit.sha}".encode()).hexdigest()[:40]


def person(login: str) -> Json:
    """Show somebody as git writes them down."""
    name = login or "somebody"
    return {"name": name, "email": f"{name}@users.noreply.example"}


def _simple_status(bodies: Bodies, repo: RepoRecord, status: StatusRecord) -> Json:
    return {
        "url": f"{bodies.base_url}/repos/{repo.name}/statuses/{status.sha}",
        "avatar_url": f"{bodies.web_url}/avatars/u/{bodies.number(status.creator)}",
        "id": status.id,
        "node_id": f"SC_{status.id:08d}",
        "state": status.state,
        "description": status.description,
        "target_url": status.url,
        "context": status.context,
        "created_at": stamp(status.at),
        "updated_at": stamp(status.at),
    }
