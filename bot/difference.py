"""What differs between two configurations: which keys, whether a running Gordon can take them over, and in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bot.live import Facts
from bot.people import EVERYWHERE
from bot.secret import redact
from bot.settings import (
    ChannelSettings,
    ConsoleSettings,
    ContextSettings,
    CoreSettings,
    DiagnosisSettings,
    GitHubSettings,
    GordonSettings,
    HookSettings,
    IrcSettings,
    JenkinsSettings,
    JobSettings,
    LeeroySettings,
    ParameterNames,
    PushSettings,
    RepoSettings,
    Settings,
    SlackChannelSettings,
    SlackSettings,
    WebSettings,
)
from bot.toml_file import At, show, table_name
from bot.values import Person, Role

Rows = tuple[tuple[type[Settings], str, str], ...]
# Every key is in one of these two lists, with the reason. A key of a table counts for the table's coming and going.
ONLY_AT_START: Rows = (
    (GordonSettings, "jenkins github irc slack console web leeroy", "a neighbour is connected to once, by its adapter"),
    (CoreSettings, "state", "the lock and the database are there"),
    (CoreSettings, "plugins plugin_folder", "code is loaded once, and what is on disk names its handlers"),
    (CoreSettings, "stuck_after_s", "the watchdog must not change its mind while it watches"),
    (JenkinsSettings, "url user token_file token_env ca_file timeout_s parameters", "requests may be under way"),
    (JenkinsSettings, "poll_s idle_poll_s watch_others node_stable_s tags", "what was seen is weighed by them"),
    (JenkinsSettings, "notify_secret_file notify_secret_env", "read once, when Gordon begins to listen"),
    (ParameterNames, "request_id pull sha base_repo head_repo base_branch github_url", "builds are found by them"),
    (ParameterNames, "node cells", "the same"),
    (WebSettings, "host port status", "Gordon begins to listen once"),
    (WebSettings, "status_token_file status_token_env", "named when Gordon begins to listen; the file is read again"),
    (GitHubSettings, "url token_file token_env timeout_s", "requests may be under way"),
    (GitHubSettings, "app_id app_installation app_key_file compare_s", "the same"),
    (GitHubSettings, "comments mention", "a place to talk is there from the start, under one name"),
    (GitHubSettings, "secret_files secret_envs hook", "named when Gordon begins to listen; the files are read again"),
    (HookSettings, "repos secret_files secret_envs", "the same"),
    (IrcSettings, "host port tls nick password_file password_env ca_file", "they are said once, when connecting"),
    (IrcSettings, "certificate_file key_file account account_password_file account_password_env", "the same"),
    (IrcSettings, "services nick_is_identity", "who was believed by them would have to be forgotten"),
    (SlackSettings, "bot_token_file bot_token_env app_token_file app_token_env", "sockets are open with them"),
    (SlackSettings, "signing_secret_file signing_secret_env url timeout_s", "the same"),
    (SlackSettings, "command", "the app's manifest names it, too"),
    (ConsoleSettings, "person", "the prompt is theirs"),
    (LeeroySettings, "user person password_file password_env", "read once, when Gordon begins to listen"),
)
WHILE_RUNNING: Rows = (
    (GordonSettings, "gordon repos jobs plugin diagnosis", "read when a command is understood or a handler begins"),
    (CoreSettings, "home people operators", "read when a command is understood or words are said"),
    (CoreSettings, "prefix", "handed to each network"),
    (CoreSettings, "handler_limit_s patience_s again_after_s keep_days", "read each time that something is begun"),
    (CoreSettings, "builds_per_person commands_per_minute commands_per_minute_in_channel", "counted with each command"),
    (CoreSettings, "rebuilds_per_hour rebuilds_per_commit", "the same"),
    (DiagnosisSettings, "catalogues secrets redact_emails within_s", "read when a log is"),
    (DiagnosisSettings, "green_logs red_logs logs_max_mb keep_days", "read when something is kept or forgotten"),
    (RepoSettings, "aliases announce contexts pushes", "read when a command is understood or words are said"),
    (RepoSettings, "outsiders ci_files", "read when a build of a pull request is asked for"),
    (
        ContextSettings,
        "jenkins job branch parameters status",
        "read when a build is asked for; one that was asked for keeps its own",
    ),
    (JobSettings, "jenkins job parameters", "the same"),
    (PushSettings, "jobs", "read when a build of the branch moves on"),
    (LeeroySettings, "custom requests_per_minute builds", "read with each request"),
    (IrcSettings, "channels channel", "joined and left"),
    (IrcSettings, "burst_lines line_every_s notice colours presence relays", "read with each line"),
    (SlackSettings, "channels channel broadcast unfurl bots relays", "read with each message"),
    (SlackChannelSettings, "commands broadcast spoken_by", "the same"),
    (ChannelSettings, "prefix commands notice colours spoken_by", "read with each line"),
    (ChannelSettings, "key_file key_env", "given when joining"),
)
NONE = "none"
MAX_SHOWN = 8  # fits a line or two in a channel; the log has all


@dataclass(frozen=True, slots=True)
class Change:
    """One key, or one table of a kind, that is not what it was.

    Arguments:
        at: where it stands.
        kind: the settings that have the key.
        before, after: None for a table that is not there.
    """

    at: At
    kind: type[Settings]
    key: str
    before: object
    after: object


def changed_keys(before: Settings, after: Settings, at: At = ()) -> Iterator[Change]:
    """List what differs, key by key, in the order of the settings."""
    for key in before.__struct_fields__:
        old, new, here = getattr(before, key), getattr(after, key), (*at, key)
        if isinstance(old, Settings) and isinstance(new, Settings):
            yield from changed_keys(old, new, here)
        elif old == new:
            continue
        elif _is_tables(old) and _is_tables(new):
            for name in dict.fromkeys((*old, *new)):
                if name in old and name in new:
                    yield from changed_keys(old[name], new[name], (*here, name))
                else:
                    yield Change((*here, name), type(before), key, old.get(name), new.get(name))
        else:
            yield Change(here, type(before), key, old, new)


def _is_tables(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(one, Settings) for one in value.values())


def only_at_start(found: Sequence[Change]) -> Sequence[str]:
    """Name the keys that a running Gordon cannot take over, as `jenkins.ci.url`."""
    fixed = {(kind, key) for kind, keys, _ in ONLY_AT_START for key in keys.split()}
    return [table_name(change.at)[1:-1] for change in found if (change.kind, change.key) in fixed]


def difference(before: Facts, after: Facts) -> Sequence[str]:
    """Say what differs, a few words for each thing; who may do what comes first."""
    told = list(_of_people(before, after))
    for change in changed_keys(before.settings, after.settings):
        told += _words(change)
    return told


def shortened(told: Sequence[str]) -> str:
    """Join what differs for a channel, with a count of what is left out."""
    more = len(told) - MAX_SHOWN
    return "; ".join([*told[:MAX_SHOWN], *([f"and {more} more, see the log"] if more > 0 else [])])


def _of_people(before: Facts, after: Facts) -> Iterator[str]:
    old, new = ({person.key: person for person in facts.people} for facts in (before, after))
    for key in dict.fromkeys((*old, *new)):
        if key not in old:
            yield f"new person {key}, {_roles(new[key].roles)}"
        elif key not in new:
            yield f"{key} is nobody any more, was {_roles(old[key].roles)}"
        else:
            yield from _of_roles(key, old[key].roles, new[key].roles)
            accounts = (facts.people.accounts_in_file(key) for facts in (before, after))
            yield from _of_proofs(old[key], new[key], *accounts)
    teams, groups = (before.people.teams, after.people.teams), (before.people.groups, after.people.groups)
    for what, (had, have) in {"team": teams, "group": groups}.items():
        for name in dict.fromkeys((*had, *have)):
            yield from _of_roles(f"{what} {name}", had.get(name, {}), have.get(name, {}))


def _of_roles(who: str, old: Mapping[str, Role], new: Mapping[str, Role]) -> Iterator[str]:
    for scope in dict.fromkeys((*old, *new)):
        was, is_now = old.get(scope, Role.ANYONE), new.get(scope, Role.ANYONE)
        if was is not is_now:
            yield f"{who}: {was.name.lower()} -> {is_now.name.lower()} {_where(scope)}"


def _of_proofs(old: Person, new: Person, accounts: Mapping[str, str], accounts_now: Mapping[str, str]) -> Iterator[str]:
    if old.github_id != new.github_id:
        yield f"{new.key}: GitHub account {old.github_id or 'none'} -> {new.github_id or 'none'}"
    for network in dict.fromkeys((*accounts, *accounts_now)):
        was, is_now = accounts.get(network, ""), accounts_now.get(network, "")
        if was != is_now:
            yield f"{new.key}: account {was or 'none'} -> {is_now or 'none'} on {network}"


def _roles(roles: Mapping[str, Role]) -> str:
    return ", ".join(f"{role.name.lower()} {_where(scope)}" for scope, role in roles.items()) or "without a role"


def _where(scope: str) -> str:
    return "everywhere" if scope == EVERYWHERE else f"in {scope}"


def _words(change: Change) -> Iterator[str]:
    before, after = change.before, change.after
    is_table = isinstance(before, Settings) or isinstance(after, Settings)
    names = () if change.kind is CoreSettings else change.at[1::2]  # keys and names take turns in where it stands
    of = " ".join(map(str, names[:-1] if is_table else names))
    if change.kind is GordonSettings and change.key == "plugin":
        yield from _of_plugins(before, after)
    elif change.kind is IrcSettings and change.key == "channels":
        old, new = _names(before), _names(after)
        yield from (f"joins {name} on {of}" for name in new if name not in old)
        yield from (f"leaves {name} on {of}" for name in old if name not in new)
    elif is_table:
        yield _of_table(change, of)
    elif isinstance(before, tuple) and isinstance(after, tuple):
        come = [f"+{_item(one)}" for one in after if one not in before]
        gone = [f"-{_item(one)}" for one in before if one not in after]
        yield _about(of, f"{change.key} {' '.join([*come, *gone]) or 'in another order'}")
    elif isinstance(before, dict) and isinstance(after, dict):
        yield _about(of, f"{change.key} {_entries(before, after)}")
    else:
        yield _about(of, f"{change.key} {_value(before)} -> {_value(after)}")


def _about(of: str, words: str) -> str:
    return f"{of}: {words}" if of else words


def _of_table(change: Change, of: str) -> str:
    """Say that a table came or went: a repository, a context of one, a job, what differs in a channel."""
    nouns = {"repos": "repository", "contexts": "context", "pushes": "branch", "jobs": "job", "channel": "settings for"}
    what = f"{nouns.get(change.key, change.key)} {change.at[-1]}"
    where = f" of {of}" if of else ""
    return f"no {what}{where} any more" if change.after is None else f"new {what}{where}"


def _of_plugins(before: object, after: object) -> Iterator[str]:
    old, new = (given if isinstance(given, dict) else {} for given in (before, after))
    for name in dict.fromkeys((*old, *new)):
        if old.get(name, {}) != new.get(name, {}):
            yield f"plugin {name}: {_entries(old.get(name, {}), new.get(name, {}))}"


def _entries(old: Mapping[str, object], new: Mapping[str, object]) -> str:
    keys = [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]
    return ", ".join(f"{key} {_given(key, old)} -> {_given(key, new)}" for key in keys)


def _given(key: str, entries: Mapping[str, object]) -> str:
    """Say a value that somebody made up a name for; what the name calls a secret is none of anybody's."""
    value = _value(entries.get(key))
    return value if value == NONE else redact(f"{key}={value}").removeprefix(f"{key}=")


def _names(value: object) -> Sequence[str]:
    return value if isinstance(value, tuple) else ()


def _item(one: object) -> object:
    return one.name if isinstance(one, Path) else one


def _value(value: object) -> str:
    if value in (None, "", ()):
        return NONE
    return show(value.name if isinstance(value, Path) else value)


def content(settings: GordonSettings) -> bytes:
    """Write settings as bytes that are the same for what means the same."""
    return msgspec.json.encode(msgspec.to_builtins(settings, order="sorted", enc_hook=str))
