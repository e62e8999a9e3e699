"""`[plugin.dco]`, and what it makes of the commits of a pull request."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bot.plugin import Settings
from bot.values import Commit, Pull
from plugins.dco.trailers import trailers

MAX_COMMITS = 250  # that can be read of a pull request
SIGNED_OFF = "signed-off-by"
OLD_KEY = "Docker-DCO-1.1-Signed-off-by"  # the "." makes it no trailer for git
OLD_END = re.compile(r"\(github: [A-Za-z0-9-]+\)")
REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
ADDRESS = re.compile(r"https?://[^\s()<>\[\]`\"']+")


class DcoSettings(Settings, frozen=True):
    """`[plugin.dco]`."""

    repos: tuple[str, ...] = ()  # whose commits must be signed off
    label: str = "dco/no"  # on pull requests that have others; "" for none
    status: str = "docker/dco-signed"  # "" for none
    url: str = "https://developercertificate.org/"  # what the status and the comment link to; {repo} is filled in
    comment: bool = True  # lists the commits that lack it, with the commands that mend it
    author_must_sign: bool = False  # the sign-off must have the address of the commit's author
    old_form: bool = False  # "Docker-DCO-1.1-Signed-off-by: NAME <ADDRESS> (github: ACCOUNT)" counts too
    bots: tuple[str, ...] = ()  # accounts whose commits need none
    exempt_bases: tuple[str, ...] = ()  # patterns of branches for which none is needed

    def __post_init__(self) -> None:
        for repo in self.repos:
            if not REPO.fullmatch(repo):
                raise ValueError(f'repos has "{repo}"; a repository is written OWNER/NAME')
        if self.url and not ADDRESS.fullmatch(self.url):
            raise ValueError("url must be a whole address, http:// or https://, without blanks and brackets")
        if len(self.label) > 50 or "," in self.label:
            raise ValueError("label must be the name of one label, of 50 characters at most")


@dataclass(frozen=True, slots=True)
class SignOff:
    """Who has signed a commit off."""

    name: str
    mail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the commits of a pull request, as it stood, are signed off.

    Arguments:
        commits: how many must be; those that are exempt do not count.
        lacking: those that are not, oldest first.
        doubt: why nobody can tell; empty where somebody can.
        reach: how many commits back from the head the oldest one goes that is not.
        is_straight: there is no merge among them.
        exempt: nothing is asked for on its base.
    """

    pull: Pull
    commits: int = 0
    lacking: tuple[Commit, ...] = ()
    doubt: str = ""
    reach: int = 0
    is_straight: bool = True
    exempt: bool = False

    @property
    def passed(self) -> bool:
        return not self.lacking and not self.doubt


def weigh(settings: DcoSettings, pull: Pull, commits: Sequence[Commit]) -> Verdict | None:
    """Tell which commits lack a sign-off; None where the list is not that of this head, and must be read again."""
    if any(fnmatchcase(pull.base, pattern) for pattern in settings.exempt_bases):
        return Verdict(pull, exempt=True)
    if len(commits) >= MAX_COMMITS and commits[-1].sha != pull.head:
        return Verdict(pull, doubt=f"it has more than {MAX_COMMITS} commits, and no others can be read")
    if all(commit.sha != pull.head for commit in commits):
        return None
    asked = [commit for commit in commits if not is_exempt(settings, commit)]
    lacking = tuple(commit for commit in asked if not is_signed(settings, commit))
    since = commits[commits.index(lacking[0]) :] if lacking else ()
    return Verdict(pull, len(asked), lacking, "", len(since), not any(commit.is_merge for commit in since))


def is_exempt(settings: DcoSettings, commit: Commit) -> bool:
    """Tell whether a commit needs no sign-off: a merge, or that of a bot."""
    if commit.author is not None and commit.author.login.casefold() in {bot.casefold() for bot in settings.bots}:
        return True
    return commit.is_merge


def is_signed(settings: DcoSettings, commit: Commit) -> bool:
    """Tell whether a commit has a sign-off that counts."""
    found = sign_offs(commit.message, old_form=settings.old_form)
    if settings.author_must_sign:
        return commit.author_mail.casefold() in {one.mail.casefold() for one in found}
    return bool(found)


def sign_offs(message: str, *, old_form: bool = False) -> list[SignOff]:
    """List the sign-offs of a commit: trailers with a name and an address, in any case of their key.

    Arguments:
        old_form: those of leeroy's time count too.
    """
    if SIGNED_OFF not in message.casefold():
        return []  # the rest costs time, and a message may be long
    keys = {SIGNED_OFF, OLD_KEY.casefold()} if old_form else {SIGNED_OFF}
    found = [value for key, value in trailers(message, (OLD_KEY,) if old_form else ()) if key.casefold() in keys]
    return [one for one in (_sign_off(value, old_form) for value in found) if one is not None]


def _sign_off(value: str, old_form: bool) -> SignOff | None:
    name, _, rest = value.partition("<")
    mail, _, end = rest.partition(">")
    user, _, host = mail.partition("@")
    is_end = not end.strip() if not old_form else not end.strip() or OLD_END.fullmatch(end.strip()) is not None
    is_mail = bool(user and host) and "@" not in host and not any(char.isspace() or char in "<>" for char in mail)
    is_name = any(char.isalpha() for char in name) and ">" not in name
    return SignOff(name.strip(), mail) if is_end and is_mail and is_name and ">" in rest else None
