"""What people do beside talking: commands with a slash, buttons, shortcuts, modals and the Home tab."""

from collections.abc import Mapping
from typing import Any

from bot.demo.slack.act import Act
from bot.demo.slack.bodies import view_body
from bot.demo.slack.deliveries import Kind
from bot.demo.slack.talk import Talk
from bot.demo.slack.views import apply_response
from bot.demo.slack.workspace import Channel, Json, View


class Clicks(Talk):
    """Acts that the app has three seconds to acknowledge, and that are never repeated by Slack."""

    def slash(self, user: str, text: str, channel: str, *, command: str = "") -> Act:
        """Give the app's command; what is acknowledged with it is said to them."""
        place, who, workspace = self.place(channel), self._workspace.users[user], self._workspace
        trigger, address = self._responses.trigger(user), self._responses.address(user, place.id)
        told = {
            "token": "a-verification-token",
            "team_id": workspace.team_id,
            "team_domain": workspace.domain,
            "channel_id": place.id,
            "channel_name": _name(place),
            "user_id": user,
            "user_name": who.name,
            "command": command or workspace.app.command,
            "text": text,
            "api_app_id": workspace.app.id,
            "is_enterprise_install": "false",
            "response_url": address,
            "trigger_id": trigger,
        }

        def answered(answer: Json) -> None:
            if answer.get("text") or answer.get("blocks"):
                self._responses.say(answer, user, place.id)

        delivery = self._deliveries.put("slash_commands", told, answered)
        return Act([delivery], place.id, trigger_id=trigger, response_url=address)

    def presses(self, user: str, action_id: str, channel: str, ts: str, *, value: str | None = None) -> Act:
        """Press a button of a message, or choose something in a menu of it.

        Arguments:
            ts: of a message in the channel, or of an ephemeral one.
            value: the option that is chosen in a menu; a button has its own.

        Raises:
            LookupError: there is no such button.
        """
        place = self.place(channel)
        message, is_ephemeral = self._shown(place, ts)
        action = self._action(message, action_id, value)
        trigger, address = self._responses.trigger(user), self._responses.address(user, place.id, ts)
        container: Json = {"type": "message", "message_ts": ts, "channel_id": place.id, "is_ephemeral": is_ephemeral}
        if "thread_ts" in message:
            container["thread_ts"] = message["thread_ts"]
        told = {
            "type": "block_actions",
            **self._who(user, trigger),
            "container": container,
            "channel": {"id": place.id, "name": _name(place)},
            **({} if is_ephemeral else {"message": dict(message)}),
            "state": {"values": {}},
            "response_url": address,
            "actions": [action],
        }
        return self._click("interactive", told, Act([], place.id, ts, trigger, address))

    def presses_in_view(self, user: str, action_id: str, view_id: str, *, value: str | None = None) -> Act:
        """Press a button of a modal or of the Home tab."""
        view = self._view(view_id)
        trigger = self._responses.trigger(user)
        told = {
            "type": "block_actions",
            **self._who(user, trigger),
            "container": {"type": "view", "view_id": view.id},
            "view": view_body(self._workspace, view),
            "actions": [self._action(view.view, action_id, value)],
        }
        return self._click("interactive", told, Act([], trigger_id=trigger, view_id=view_id))

    def asks_options(self, user: str, action_id: str, block_id: str, view_id: str, typed: str) -> Act:
        """Type into a menu whose options come from the app; they are the act's `answer`."""
        view = self._view(view_id)
        told = {
            "type": "block_suggestion",
            **self._who(user, ""),
            "action_id": action_id,
            "block_id": block_id,
            "value": typed,
            "container": {"type": "view", "view_id": view.id},
            "view": view_body(self._workspace, view),
        }
        return self._click("options", told, Act([], view_id=view_id))

    def submits(self, user: str, view_id: str, values: Mapping[str, str | list[str]]) -> Act:
        """Submit a modal; the `response_action` that is acknowledged with it is done.

        Arguments:
            values: what is entered or chosen, by `block_id` or `action_id`; what is not named is as it was.
        """
        view = self._view(view_id)
        trigger = self._responses.trigger(user)
        body = view_body(self._workspace, view)
        body["state"] = {"values": state_of(view.view, values)}
        told = {"type": "view_submission", **self._who(user, trigger), "view": body, "response_urls": []}
        # Of a stranger it names their workspace: https://github.com/slackapi/bolt-js/issues/1614
        told["team"] = {**told["team"], "id": self._workspace.users[user].team_id}

        def answered(answer: Json) -> None:
            apply_response(self._workspace, view, answer)

        act = Act([], trigger_id=trigger, view_id=view_id)
        act.deliveries.append(self._deliveries.put("interactive", told, answered))
        return act

    def closes(self, user: str, view_id: str, *, is_cleared: bool = False) -> Act:
        """Close a modal; the app is told if it wanted to be."""
        view = self._view(view_id)
        view.is_closed = True
        if not view.view.get("notify_on_close"):
            return Act([], view_id=view_id)
        body = view_body(self._workspace, view)
        told = {"type": "view_closed", **self._who(user, ""), "view": body, "is_cleared": is_cleared}
        return self._click("interactive", told, Act([], view_id=view_id))

    def message_shortcut(self, user: str, callback_id: str, channel: str, ts: str) -> Act:
        """Choose a shortcut in the menu of a message."""
        place = self.place(channel)
        trigger, address = self._responses.trigger(user), self._responses.address(user, place.id, ts)
        told = {
            "type": "message_action",
            **self._who(user, trigger),
            "action_ts": self._workspace.next_ts(),
            "callback_id": callback_id,
            "channel": {"id": place.id, "name": _name(place)},
            "message_ts": ts,
            "message": dict(place.messages[ts]),
            "response_url": address,
        }
        return self._click("interactive", told, Act([], place.id, ts, trigger, address))

    def shortcut(self, user: str, callback_id: str) -> Act:
        """Choose a shortcut that is about no message."""
        trigger = self._responses.trigger(user)
        told = {"type": "shortcut", **self._who(user, trigger), "action_ts": self._workspace.next_ts()}
        return self._click("interactive", {**told, "callback_id": callback_id}, Act([], trigger_id=trigger))

    def opens_home(self, user: str, tab: str = "home") -> Act:
        """Open the app's Home tab, or its messages."""
        view = self._workspace.homes.get(user)
        place = self._workspace.im_with(user)
        told: Json = {"type": "app_home_opened", "user": user, "channel": place.id, "tab": tab}
        if view is not None and tab == "home":
            told["view"] = view_body(self._workspace, view)
        delivery = self._deliveries.event({**told, "event_ts": self._workspace.next_ts()})
        return Act([delivery] if delivery else [], place.id)

    def _click(self, kind: Kind, told: Json, act: Act) -> Act:
        act.deliveries.append(self._deliveries.put(kind, told))
        return act

    def _who(self, user: str, trigger: str) -> Json:
        workspace, who = self._workspace, self._workspace.users[user]
        told = {
            "team": {"id": workspace.team_id, "domain": workspace.domain},
            "user": {"id": user, "username": who.name, "name": who.name, "team_id": who.team_id},
            "api_app_id": workspace.app.id,
            "token": "a-verification-token",
            "enterprise": None,
            "is_enterprise_install": False,
        }
        return {**told, "trigger_id": trigger} if trigger else told

    def _shown(self, place: Channel, ts: str) -> tuple[Json, bool]:
        if ts in place.messages:
            return place.messages[ts], False
        for each in self._workspace.ephemerals:
            if each.ts == ts:
                return each.message, True
        raise LookupError(f"no message {ts}")

    def _view(self, view_id: str) -> View:
        found = self._workspace.views.get(view_id)
        home = next((each for each in self._workspace.homes.values() if each.id == view_id), None)
        if (view := found or home) is None or view.is_closed:
            raise LookupError(f"no view {view_id}")
        return view

    def _action(self, holder: Json, action_id: str, value: str | None) -> Json:
        for block, element in elements_of(holder):
            if element.get("action_id") == action_id:
                action = {**element, "block_id": block["block_id"], "action_ts": self._workspace.next_ts()}
                for name in ("options", "confirm", "option_groups"):
                    action.pop(name, None)
                if element["type"] != "button":
                    action |= chosen(element, value or "")
                return action
        raise LookupError(f"no element {action_id}")


def elements_of(holder: Json) -> list[tuple[Json, Json]]:
    """List everything in a message or view that can be pressed or filled in, with its block."""
    found: list[tuple[Json, Json]] = []
    blocks = [*holder.get("blocks", ())]
    for attachment in holder.get("attachments", ()):
        blocks += attachment.get("blocks", ())
    for block in blocks:
        for element in (block.get("accessory"), block.get("element"), *block.get("elements", ())):
            if isinstance(element, dict) and "action_id" in element:
                found.append((block, element))
    return found


def chosen(element: Json, value: str | list[str]) -> Json:
    """Write what was entered or chosen in an element, as payloads do.

    Raises:
        LookupError: it does not have that option.
    """
    kind = element["type"]
    if kind in ("plain_text_input", "number_input", "email_text_input", "url_text_input"):
        return {"type": kind, "value": value or None}
    if kind in ("datepicker", "timepicker"):
        return {"type": kind, f"selected_{'date' if kind == 'datepicker' else 'time'}": value or None}
    if kind.endswith(("users_select", "conversations_select", "channels_select")) and not kind.startswith("multi"):
        return {"type": kind, f"selected_{kind.removesuffix('s_select')}": value or None}
    options = [*element.get("options", ()), *(o for g in element.get("option_groups", ()) for o in g["options"])]
    by_value = {option["value"]: option for option in options}
    if kind in ("checkboxes", "multi_static_select"):
        return {"type": kind, "selected_options": [by_value[each] for each in value]}
    if kind in ("external_select",) and value:
        text = {"type": "plain_text", "text": value, "emoji": True}
        return {"type": kind, "selected_option": {"text": text, "value": value}}
    return {"type": kind, "selected_option": by_value[str(value)] if value else None}


def state_of(view: Json, values: Mapping[str, str | list[str]]) -> dict[str, dict[str, Any]]:
    """Write the state of a view: what its inputs hold, by block and action.

    Raises:
        LookupError: a value is for no input.
    """
    state: dict[str, dict[str, Any]] = {}
    left = dict(values)
    for block, element in elements_of(view):
        if block["type"] != "input" and element["type"] == "button":
            continue
        names = [name for name in (block["block_id"], element["action_id"]) if name in left]
        value = left.pop(names[0]) if names else initial(element)
        state.setdefault(block["block_id"], {})[element["action_id"]] = chosen(element, value)
    if left:
        raise LookupError(f"no input {', '.join(left)}")
    return state


def initial(element: Json) -> str | list[str]:
    """Tell what an input holds before anybody touches it."""
    if "initial_options" in element:
        return [option["value"] for option in element["initial_options"]]
    if "initial_option" in element:
        return str(element["initial_option"]["value"])
    for name in ("value", "date", "time", "user", "conversation", "channel"):
        if f"initial_{name}" in element:
            return str(element[f"initial_{name}"])
    return [] if element["type"] in ("checkboxes", "multi_static_select") else ""


def _name(place: Channel) -> str:
    return "directmessage" if place.is_im else "privategroup" if place.is_private else place.name
