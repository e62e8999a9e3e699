"""Bodies of webhooks as GitHub shapes them, trimmed to what tests look at, and how they are signed."""

import hashlib
import hmac
import json
from typing import Any

REPO = "moby/moby"
HEAD, BEFORE, ZERO = "a" * 40, "b" * 40, "0" * 40
UPDATED = "2023-11-14T22:00:00Z"
UPDATED_S = 1_699_999_200


def signed(body: bytes, secret: str) -> str:
    """Sign a body as GitHub does."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def user(login: str = "jess", number: int = 7, kind: str = "User") -> dict[str, Any]:
    return {"login": login, "id": number, "type": kind, "site_admin": False}


def pull(number: int = 7, **changed: Any) -> dict[str, Any]:
    told = {
        "id": 900,
        "number": number,
        "state": "open",
        "title": "Fix the volumes",
        "user": user(),
        "body": "why [{",
        "html_url": f"https://github.com/{REPO}/pull/{number}",
        "head": {"ref": "fix", "sha": HEAD, "repo": {"full_name": "jess/moby", "pushed_at": UPDATED}},
        "base": {"ref": "master", "sha": BEFORE, "repo": {"full_name": REPO, "pushed_at": UPDATED}},
        "draft": False,
        "merged": False,
        "mergeable": None,
        "labels": [{"id": 1, "name": "status/0-triage", "color": "ededed"}],
        "updated_at": UPDATED,
    }
    return told | changed


def pull_body(action: str = "synchronize", *, repo: str = REPO, **more: Any) -> dict[str, Any]:
    told = {"action": action, "number": 7, "pull_request": pull(), "repository": {"full_name": repo}, "sender": user()}
    return told | more


def review_body(action: str = "submitted", **review: Any) -> dict[str, Any]:
    told = {
        "id": 80,
        "user": user("tianon", 1),
        "body": "LGTM",
        "commit_id": HEAD,
        "submitted_at": UPDATED,
        "state": "approved",
    }
    simple = {key: value for key, value in pull().items() if key not in ("merged", "mergeable")}
    return pull_body(action, pull_request=simple | {"merged_at": None}, review=told | review, sender=user("tianon", 1))


def comment_body(action: str = "created", *, is_pull: bool = True, **comment: Any) -> dict[str, Any]:
    told = {
        "id": 60,
        "user": user("tianon", 1),
        "body": "rebuild please",
        "created_at": UPDATED,
        "html_url": "https://x",
    }
    issue = {"number": 7, "pull_request": {"url": "https://x"}} if is_pull else {"number": 7}
    return {
        "action": action,
        "issue": issue,
        "comment": told | comment,
        "repository": {"full_name": REPO},
        "sender": user("tianon", 1),
    }


def push_body(ref: str = "refs/heads/master", **changed: Any) -> dict[str, Any]:
    told = {
        "ref": ref,
        "before": BEFORE,
        "after": HEAD,
        "forced": False,
        "repository": {"full_name": REPO, "pushed_at": UPDATED_S},
        "sender": user(),
        "commits": [{"id": HEAD, "message": "x"}],
    }
    return told | changed


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()
