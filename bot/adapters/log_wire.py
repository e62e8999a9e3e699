"""Which addresses a log is read from, for what people copy out of a browser; pure."""

import json
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from bot.errors import UserError, shown

OWN_FILES = frozenset({"artifact", "ws", "execution"})  # files that a build has beside its log
BUILD_WORDS = frozenset(
    {
        "lastBuild",
        "lastCompletedBuild",
        "lastFailedBuild",
        "lastStableBuild",
        "lastSuccessfulBuild",
        "lastUnstableBuild",
        "lastUnsuccessfulBuild",
    }
)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
DEFAULT_PORTS = {"http": 80, "https": 443}
NO_LOG = b"No such file: "  # what Jenkins sends, with 200, instead of a log that is gone [Run.getLogInputStream]
FACTS = "api/json?tree=result,building"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a log is read.

    Arguments:
        builds: addresses that the Jenkins build may have, with `/` at the end, the likeliest first; none if it is not
            of a Jenkins.
    """

    url: str
    builds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What Jenkins says of a build beside its log.

    Arguments:
        result: empty while it has none.
    """

    result: str
    is_building: bool


def read_address(address: str) -> Target:
    """Find out where the log is that an address means.

    Raises:
        UserError: it is none that a log may be read from, and what to do.
    """
    try:
        parts = urlsplit(address.strip())
        port = parts.port
    except ValueError:
        raise UserError("it is no address: its host or port cannot be read") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise UserError("it is no address of a log: that begins with https:// or http://")
    if "@" in parts.netloc:
        raise UserError(
            "it has a user or password in it, which would be seen in lists of processes and in histories; take them"
            " out, and put them into GORDON_JENKINS_USER and GORDON_JENKINS_TOKEN or into ~/.netrc"
        )
    if not parts.hostname or port == 0:
        raise UserError("it has no host")
    if not address.isprintable() or " " in address.strip():
        raise UserError("it has blanks or characters that no address has; copy it again")
    root = f"{parts.scheme}://{parts.netloc}"
    segments = parts.path.split("/")
    builds = _blue_ocean(root, segments) or _classic(root, segments)
    if not builds and _is_job(segments):
        raise UserError("it names a job and no build of it; add the number, or lastFailedBuild")
    return Target(address.strip().partition("#")[0], builds)


def _classic(root: str, segments: list[str]) -> tuple[str, ...]:
    """Find `job/NAME/12` or `job/NAME/AXIS=a,OTHER=b/12`, whatever page of the build follows."""
    for at, segment in enumerate(segments):
        is_build = (segment.isascii() and segment.isdigit()) or segment in BUILD_WORDS
        if is_build and at >= 3 and "job" in (segments[at - 2], segments[at - 3]) and segments[at - 1] != "job":
            is_file = at + 1 < len(segments) and segments[at + 1] in OWN_FILES
            return () if is_file else (f"{root}{'/'.join(segments[: at + 1])}/",)
    return ()


def _is_job(segments: list[str]) -> bool:
    given = [segment for segment in segments if segment]
    return len(given) > 1 and given[-2] == "job" and not given[-1].isdigit()


def _blue_ocean(root: str, segments: list[str]) -> tuple[str, ...]:
    """Find `blue/organizations/jenkins/FOLDER%2FNAME/detail/BRANCH/12`; that of a job without branches repeats NAME."""
    if "blue" not in segments or "detail" not in segments:
        return ()
    start, detail = segments.index("blue"), segments.index("detail")
    if detail < start + 4 or len(segments) < detail + 3 or not segments[detail + 2].isdigit():
        return ()
    names = unquote(segments[detail - 1]).split("/")
    branch = unquote(segments[detail + 1])
    prefix = root + "/".join(segments[:start])
    job = prefix + "".join(f"/job/{quote(name, safe='')}" for name in names)
    # A branch's job is named with the slashes of the branch escaped, and in an address that name is escaped again.
    of_branch = f"{job}/job/{quote(quote(branch, safe=''), safe='')}/{segments[detail + 2]}/"
    return (f"{job}/{segments[detail + 2]}/", of_branch) if branch == names[-1] else (of_branch,)


def read_facts(body: bytes) -> Facts | None:
    """Read what `api/json?tree=result,building` answers; None if this is something else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("building"), bool):
        return None
    result = found.get("result")
    return Facts(result if isinstance(result, str) else "", found["building"])


def place_of(url: str) -> tuple[str, str, int]:
    """Tell the scheme, host and port that an address means."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS.get(parts.scheme, 0)


def may_have_login(url: str, home: str) -> bool:
    """Tell whether the login of a Jenkins may go to an address: to that Jenkins, or to one on this machine.

    Arguments:
        home: the address of the Jenkins that the login is for; empty if that was not said.
    """
    if not home:
        return place_of(url)[1] in LOOPBACK
    path = urlsplit(home).path.rstrip("/")
    return place_of(url) == place_of(home) and f"{urlsplit(url).path}/".startswith(f"{path}/")


def next_address(url: str, location: str) -> str:
    """Tell where a redirect goes, which must be on the same host and no less private.

    Raises:
        UserError: it goes elsewhere.
    """
    target: SplitResult = urlsplit(urljoin(url, location))
    old, new = place_of(url), place_of(target.geturl())
    if "@" in target.netloc or new[1] != old[1] or new[0] not in DEFAULT_PORTS or (old[0], new[0]) == ("https", "http"):
        raise UserError(
            f"it leads to another host, {shown(new[1] or '?')}, where Gordon does not follow; give the address of the"
            " log there, if you trust it"
        )
    if new[2] != old[2] and (old[2], new[2]) != (80, 443):
        raise UserError(f"it leads to another port of {shown(new[1])}, where Gordon does not follow")
    if any(word in target.path.lower() for word in ("/login", "/securityrealm/")):
        raise UserError(
            "it wants a login; set GORDON_JENKINS_URL, GORDON_JENKINS_USER and GORDON_JENKINS_TOKEN, or ~/.netrc"
        )
    return target._replace(fragment="").geturl()
