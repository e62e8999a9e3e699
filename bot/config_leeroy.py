"""What `[leeroy]` may hold: somebody who is let in by a user and a password, and contexts that are there."""

from bot.config_values import check_limits, check_secret, not_there
from bot.settings import GordonSettings
from bot.toml_file import Findings

LEEROY = "the clients of Leeroy"  # for messages


def check_leeroy(settings: GordonSettings, findings: Findings) -> None:
    """See that what asks for builds over HTTP has a page, a password and a person."""
    leeroy, at = settings.leeroy, ("leeroy",)
    if leeroy is None:
        return
    check_limits(leeroy, at, findings)
    if settings.web is None:
        findings.say(at, "[leeroy] is there without [web], where its requests would arrive")
    if not leeroy.user or ":" in leeroy.user or not leeroy.user.isprintable():
        findings.about((*at, "user"), "must be a name without a colon, as HTTP cannot send another")
    if not leeroy.person:
        findings.about((*at, "person"), "must be a name from the people file, is empty")
    check_secret(leeroy.password_file, leeroy.password_env, (*at, "password_env"), findings)
    if leeroy.password_file is None and not leeroy.password_env:
        findings.say(at, "[leeroy] needs its password: password_file or password_env")
    for repo, contexts in leeroy.custom.items():
        here = (*at, "custom", repo)
        if repo not in settings.repos:
            findings.about(here, not_there(repo, settings.repos, "[repos]"))
            continue
        for index, name in enumerate(contexts):
            if name not in settings.repos[repo].contexts:
                findings.about((*here, index), not_there(name, settings.repos[repo].contexts, "its contexts"))
