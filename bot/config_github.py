"""What is wrong with [github]: who Gordon is there, and which webhooks may tell it what."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from bot.config_values import (
    NAME,
    VARIABLE,
    check_limits,
    check_names,
    check_secret,
    check_url,
    is_loopback,
    not_there,
)
from bot.settings import GitHubSettings, GordonSettings, HookSettings
from bot.toml_file import At, Findings, show, table_name

APP = "the App of GitHub"  # for messages
APP_KEYS = ("app_id", "app_installation", "app_key_file")
MENTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?")
PAGES = ("github.com", "www.github.com")  # for people; below them nothing of the API is found


def check_github(settings: GordonSettings, findings: Findings) -> None:
    """Look at [github] and at its webhooks."""
    github, at = settings.github, ("github",)
    if github is None:
        return
    check_limits(github, at, findings)
    check_secret(github.token_file, github.token_env, (*at, "token_env"), findings)
    _check_app(github, at, findings)
    has_token = github.token_file is not None or bool(github.token_env) or github.app_key_file is not None
    check_url(github.url, has_token, at, findings)
    if not MENTION.fullmatch(github.mention):
        findings.about(
            (*at, "mention"), f"must be a login as GitHub has them, without the @, is {show(github.mention)}"
        )
    if wrong := _wrong_with_url(github.url):
        findings.about((*at, "url"), wrong)
    if not has_token:
        _check_no_status(settings, findings)
        if github.comments:
            findings.about(
                (*at, "comments"), "is there without a token or an App, and GitHub takes answers from nobody else"
            )
    _check_secrets(github, settings, at, findings)
    check_names(github.hook, NAME, (*at, "hook"), findings)
    for name, hook in github.hook.items():
        _check_hook(hook, settings, (*at, "hook", name), findings)


def _wrong_with_url(url: str) -> str:
    """Say why there is no API at an address, which would look as if no repository were there; empty if there may be."""
    try:
        parts = urlsplit(url)
    except ValueError:  # told already
        return ""
    host = (parts.hostname or "").lower()
    if host in PAGES:
        return f'must be "https://api.github.com", is {show(url)}'
    is_bare = parts.path in ("", "/") and not is_loopback(host) and not host.startswith("api.")
    return f"lacks the path of the API, mostly /api/v3, is {show(url)}" if is_bare else ""


def _check_no_status(settings: GordonSettings, findings: Findings) -> None:
    """See that no status is to be set by nobody."""
    for repo, about in settings.repos.items():
        for name, context in about.contexts.items():
            if context.status:
                words = "is there without a token or an App in [github], and GitHub takes a status from nobody else"
                findings.about(("repos", repo, "contexts", name, "status"), words)


def _check_app(github: GitHubSettings, at: At, findings: Findings) -> None:
    """See that there is a token or a whole App, and not both."""
    given = [key for key in APP_KEYS if getattr(github, key)]
    missing = [key for key in APP_KEYS if key not in given]
    if given and missing:
        findings.about((*at, given[0]), f"is there without {' and '.join(missing)}: an App needs all three")
    elif given and (github.token_file is not None or github.token_env):
        findings.about((*at, given[0]), "and a token are both there; keep one")


def _check_hook(hook: HookSettings, settings: GordonSettings, at: At, findings: Findings) -> None:
    if not hook.secret_files and not hook.secret_envs:
        findings.say(
            at, f"{table_name(at)}: needs a secret, by secret_files or secret_envs: who has none tells nothing"
        )
    _check_secrets(hook, settings, at, findings)
    for index, repo in enumerate(hook.repos):
        if repo not in settings.repos:
            findings.about((*at, "repos", index), not_there(repo, settings.repos, "[repos]"))
        elif repo in hook.repos[:index]:
            findings.about((*at, "repos", index), f"has {show(repo)} twice")


def _check_secrets(hook: GitHubSettings | HookSettings, settings: GordonSettings, at: At, findings: Findings) -> None:
    """See where the secrets of a webhook come from; what is in them is read later."""
    for index, variable in enumerate(hook.secret_envs):
        if not VARIABLE.fullmatch(variable):  # not shown: it may be the secret itself
            words = "must be names of environment variables, not the secrets themselves"
            findings.about((*at, "secret_envs", index), words)
    for key in ("secret_files", "secret_envs"):
        given: Sequence[str | Path] = getattr(hook, key)
        if given and settings.web is None:
            findings.about((*at, key), "is there without [web], where webhooks would arrive")
        for index, one in enumerate(given):
            if one in given[:index]:
                findings.about((*at, key, index), "has the same twice")


def secrets_of(github: GitHubSettings) -> Mapping[str, Sequence[tuple[Path | None, str]]]:
    """Tell where the secrets of each webhook are, by the name in its path; "" is the one without a name."""
    hooks: dict[str, GitHubSettings | HookSettings] = {"": github, **github.hook}
    return {
        name: [*((file, "") for file in hook.secret_files), *((None, variable) for variable in hook.secret_envs)]
        for name, hook in hooks.items()
    }


def whose(name: str) -> str:
    """Say which webhook it is, for messages."""
    return f"the webhook {name} of GitHub" if name else "the webhook of GitHub"
