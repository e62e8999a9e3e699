"""The methods of the Web API about modals and the Home tab."""

from collections.abc import Callable

from bot.demo.slack.block_kit import Surface, check_view
from bot.demo.slack.bodies import view_body
from bot.demo.slack.calls import ApiError, Call, Method
from bot.demo.slack.responses import Trigger
from bot.demo.slack.views import change_view, new_view
from bot.demo.slack.workspace import Json, View, Workspace

DEEPEST = 3  # views on top of each other


class ViewMethods:
    """They open for a trigger.

    Arguments:
        used: finds and uses up the trigger that a call names.
    """

    def __init__(self, used: Callable[[Call], Trigger]) -> None:
        self._used = used

    def methods(self) -> list[Method]:
        """List them."""
        return [
            Method("views.open", self.open),
            Method("views.push", self.push),
            Method("views.update", update),
            Method("views.publish", publish),
        ]

    def open(self, call: Call) -> Json:
        """Open a modal for whoever did something within three seconds."""
        view = _checked(call, "modal")
        trigger = self._used(call)
        return _shown(call.workspace, new_view(call.workspace, trigger.user, view))

    def push(self, call: Call) -> Json:
        """Put a modal on top of the one that is open."""
        view = _checked(call, "modal")
        trigger = self._used(call)
        open_now = [each for each in call.workspace.views.values() if each.user == trigger.user and not each.is_closed]
        if not open_now:
            raise ApiError("not_found")
        above = open_now[-1]
        if len([each for each in open_now if each.root_id == above.root_id]) >= DEEPEST:
            raise ApiError("push_limit_reached")
        return _shown(call.workspace, new_view(call.workspace, trigger.user, view, above))


def update(call: Call) -> Json:
    """Change a modal that is open, unless it has changed since its hash was told."""
    external = call.text("external_id")
    views = call.workspace.views.values()
    wanted = call.text("view_id")
    found = next((each for each in views if each.id == wanted), None) if wanted else None
    if external:
        found = next((each for each in views if each.view.get("external_id") == external), None)
    if found is None or found.is_closed:
        raise ApiError("not_found")
    view = _checked(call, "modal", found)
    _same(call, found)
    return _shown(call.workspace, change_view(call.workspace, found, view))


def publish(call: Call) -> Json:
    """Show somebody a Home tab."""
    user = call.text("user_id")
    if user not in call.workspace.users:
        raise ApiError("invalid_arguments", ["user_id is not valid"])
    view = _checked(call, "home")
    known = call.workspace.homes.get(user)
    if known is None:
        known = new_view(call.workspace, user, view)
        del call.workspace.views[known.id]
        call.workspace.homes[user] = known
    else:
        _same(call, known)
        change_view(call.workspace, known, view)
    return _shown(call.workspace, known)


def _checked(call: Call, surface: Surface, known: View | None = None) -> Json:
    view = call.value("view")
    check_view(view, surface)
    external = view.get("external_id")
    others = [each for each in call.workspace.views.values() if each is not known and not each.is_closed]
    if external and any(each.view.get("external_id") == external for each in others):
        raise ApiError("duplicate_external_id")
    checked: Json = view
    return checked


def _same(call: Call, view: View) -> None:
    if call.text("hash") and call.text("hash") != view.hash:
        raise ApiError("hash_conflict")


def _shown(workspace: Workspace, view: View) -> Json:
    return {"ok": True, "view": view_body(workspace, view)}
