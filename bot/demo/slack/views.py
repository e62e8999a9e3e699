"""Views of modals: what an app's answer to a submission does to them."""

from bot.demo.slack.block_kit import check_view
from bot.demo.slack.calls import ApiError
from bot.demo.slack.chat_methods import numbered
from bot.demo.slack.workspace import Json, View, Workspace


def new_view(workspace: Workspace, user: str, view: Json, above: View | None = None) -> View:
    """Show somebody a view, above another one if told."""
    view_id = workspace.next_id("V")
    made = View(
        view_id,
        user,
        {**view, "blocks": numbered(workspace, view["blocks"])},
        f"{workspace.next_ts()}.{workspace.next_id('')[:8]}",
        above.root_id if above else view_id,
        above.id if above else None,
    )
    workspace.views[view_id] = made
    return made


def change_view(workspace: Workspace, known: View, view: Json) -> View:
    """Show something else in a view."""
    known.view = {**view, "blocks": numbered(workspace, view["blocks"])}
    known.hash = f"{workspace.next_ts()}.{workspace.next_id('')[:8]}"
    known.errors = {}
    return known


def apply_response(workspace: Workspace, view: View, answer: Json) -> None:
    """Do what an acknowledgement of a submission asks for; without a word the view closes."""
    action = answer.get("response_action")
    try:
        if action == "errors":
            view.errors = {str(block): str(text) for block, text in answer["errors"].items()}
            if not view.errors.keys() <= {block["block_id"] for block in view.view["blocks"]}:
                view.errors = {"": "We had some trouble connecting. Try again?"}
        elif action == "update":
            check_view(answer["view"], "modal")
            change_view(workspace, view, answer["view"])
        elif action == "push":
            check_view(answer["view"], "modal")
            new_view(workspace, view.user, answer["view"], above=view)
        elif action == "clear":
            for each in workspace.views.values():
                each.is_closed = each.is_closed or each.root_id == view.root_id
        else:
            view.is_closed = True
    except ApiError:
        view.errors = {"": "We had some trouble connecting. Try again?"}
