"""What happens to people, channels, groups and the app itself."""

from bot.demo.slack.act import Act
from bot.demo.slack.bodies import channel_body, user_body, usergroup_body
from bot.demo.slack.clicks import Clicks
from bot.demo.slack.workspace import Json, User


class Acts(Clicks):
    """Everything that people do at Slack; each tells the app of it by whichever transport it has."""

    def joins(self, user: str, channel: str) -> Act:
        """Enter a channel; the app is invited by this, too."""
        self.place(channel).members.append(user)
        return self._moved("member_joined_channel", user, channel)

    def leaves(self, user: str, channel: str) -> Act:
        """Leave a channel."""
        self.place(channel).members.remove(user)
        return self._moved("member_left_channel", user, channel)

    def renames(self, channel: str, name: str) -> Act:
        """Give a channel another name."""
        place = self.place(channel)
        place.name = name
        return self._tells("channel_rename", channel={"id": channel, "name": name, "created": 0})

    def archives(self, channel: str, by: str, *, is_archived: bool = True) -> Act:
        """Archive a channel, or bring it back."""
        self.place(channel).is_archived = is_archived
        return self._tells("channel_archive" if is_archived else "channel_unarchive", channel=channel, user=by)

    def creates(self, channel: str) -> Act:
        """Tell of a channel that was added to the workspace."""
        return self._tells("channel_created", channel=channel_body(self._workspace, self.place(channel)))

    def changes(self, user: str, **fields: str | bool) -> Act:
        """Change somebody's account: any field of `User`, such as `display_name` or `deleted`."""
        who = self._workspace.users[user]
        for name, value in fields.items():
            setattr(who, name, value)
        return self._tells("user_change", user=user_body(who), cache_ts=int(self._workspace.now_s()))

    def comes_new(self, user: User) -> Act:
        """Let somebody join the workspace."""
        return self._tells("team_join", user=user_body(self._workspace.add_user(user)))

    def regroups(self, group: str, users: list[str]) -> Act:
        """Change who is in a user group."""
        known = self._workspace.usergroups[group]
        before, known.users = known.users, list(users)
        changed = self._tells("subteam_updated", subteam=usergroup_body(self._workspace, known))
        members = self._tells(
            "subteam_members_changed",
            subteam_id=group,
            team_id=self._workspace.team_id,
            date_previous_update=0,
            date_update=int(self._workspace.now_s()),
            added_users=[user for user in users if user not in before],
            added_users_count=len([user for user in users if user not in before]),
            removed_users=[user for user in before if user not in users],
            removed_users_count=len([user for user in before if user not in users]),
        )
        return Act([*changed.deliveries, *members.deliveries])

    def revokes(self, *, is_uninstalled: bool = False) -> Act:
        """Revoke the app's bot token, or remove the app."""
        app = self._workspace.app
        app.revoked = "account_inactive" if is_uninstalled else "token_revoked"
        act = self._tells("tokens_revoked", tokens={"oauth": [], "bot": [app.user_id]})
        if is_uninstalled:
            act.deliveries += self._tells("app_uninstalled").deliveries
        return act

    def tells(self, event: Json) -> Act:
        """Send any event, in the envelope that all have."""
        return self._tells(event["type"], **{name: value for name, value in event.items() if name != "type"})

    def _moved(self, kind: str, user: str, channel: str) -> Act:
        team = self._workspace.users[user].team_id
        return self._tells(kind, user=user, channel=channel, channel_type="C", team=team)

    def _tells(self, kind: str, **fields: object) -> Act:
        delivery = self._deliveries.event({"type": kind, **fields, "event_ts": self._workspace.next_ts()})
        return Act([delivery] if delivery else [])
