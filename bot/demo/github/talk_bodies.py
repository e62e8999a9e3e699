"""The JSON in which GitHub shows what people say about a pull request: comments, reactions and reviews."""

from bot.demo.github.bodies import Bodies, Json
from bot.demo.github.records import CommentRecord, PullRecord, ReactionRecord, RepoRecord, ReviewRecord, stamp

REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")

# What an issue and the pull request that it also is have alike.
SAME: tuple[str, ...] = (
    "number",
    "title",
    "user",
    "labels",
    "state",
    "locked",
    "assignee",
    "assignees",
    "milestone",
    "created_at",
)
SAME += ("updated_at", "closed_at", "author_association", "active_lock_reason", "draft", "body", "html_url")


def comment_body(bodies: Bodies, repo: RepoRecord, comment: CommentRecord) -> Json:
    """Show a comment on a pull request."""
    url = f"{bodies.base_url}/repos/{repo.name}/issues"
    here = f"{url}/comments/{comment.id}"
    counts = {sign: sum(each.content == sign for each in comment.reactions) for sign in REACTIONS}
    return {
        "url": here,
        "html_url": f"{bodies.web_url}/{repo.name}/pull/{comment.number}#issuecomment-{comment.id}",
        "issue_url": f"{url}/{comment.number}",
        "id": comment.id,
        "node_id": f"IC_{comment.id:08d}",
        "user": bodies.user(comment.author),
        "created_at": stamp(comment.created),
        "updated_at": stamp(comment.updated),
        "author_association": "CONTRIBUTOR",
        "body": comment.body,
        "reactions": {"url": f"{here}/reactions", "total_count": len(comment.reactions), **counts},
        "performed_via_github_app": None,
    }


def reaction_body(bodies: Bodies, reaction: ReactionRecord) -> Json:
    """Show a reaction to a comment."""
    return {
        "id": reaction.id,
        "node_id": f"REA_{reaction.id:08d}",
        "user": bodies.user(reaction.author),
        "content": reaction.content,
        "created_at": stamp(reaction.at),
    }


def review_body(bodies: Bodies, repo: RepoRecord, pull: PullRecord, review: ReviewRecord) -> Json:
    """Show a review as answers of the API have it; webhooks have its state in small letters."""
    page = f"{bodies.web_url}/{repo.name}/pull/{pull.number}#pullrequestreview-{review.id}"
    url = f"{bodies.base_url}/repos/{repo.name}/pulls/{pull.number}"
    return {
        "id": review.id,
        "node_id": f"PRR_{review.id:08d}",
        "user": bodies.user(review.author),
        "body": review.body,
        "state": review.state,
        "html_url": page,
        "pull_request_url": url,
        "author_association": "CONTRIBUTOR",
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        "submitted_at": stamp(review.at),
        "commit_id": review.sha,
    }


def issue_body(bodies: Bodies, repo: RepoRecord, pull: PullRecord) -> Json:
    """Show a pull request as the issue that it also is."""
    shown = bodies.simple_pull(repo, pull)
    url, of_pull = shown["issue_url"], ("html_url", "diff_url", "patch_url", "merged_at")
    votes = len(pull.voters)
    reactions = {"url": f"{url}/reactions", "total_count": votes, **dict.fromkeys(REACTIONS, 0), "+1": votes}
    return {
        "url": url,
        "repository_url": f"{bodies.base_url}/repos/{repo.name}",
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "id": pull.id,
        "node_id": shown["node_id"],
        **{name: shown[name] for name in SAME},
        "comments": len(repo.comments_on(pull.number)),
        "pull_request": {"url": shown["url"], **{name: shown[name] for name in of_pull}},
        "reactions": reactions,
        "timeline_url": f"{url}/timeline",
        "performed_via_github_app": None,
        "state_reason": None,
    }
