"""Secrets: read from files or the environment, and cut out of whatever leaves the program."""

import os
import re
import stat
from pathlib import Path

from bot.errors import ConfigError

MIN_SECRET_CHARS = 6  # shorter ones would cut ordinary words out of texts
MAX_SECRET_BYTES = 64 * 1024
CUT = "[secret]"
SHAPES = re.compile(
    r"(?P<url>[a-z][a-z0-9+.-]{1,20}://)(?:[^\s/@:]{0,256}:[^\s/]{1,256}|[^\s/@:]{20,256})@"
    r"|\b(?:gh[pousr]_[a-z0-9]{20,255}|github_pat_\w{20,255}|xox[a-z]-[\w-]{10,255}|xapp-[\w-]{10,255})"
    r"|\b(?:AIza[\w-]{35}|dckr_pat_[\w-]{20,255}|[rs]k_live_\w{16,255}|SG\.[\w-]{16,64}\.[\w-]{16,128}|dop_v1_\w{40,255})"
    r"|(?P<hook>\bhooks\.slack\.com/(?:services|workflows|triggers)/)[\w/-]{8,255}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\b(?-i:[a-z2-7]{26})\b"  # a token of ours, which somebody may type where none belongs
    r"|(?P<auth>\bauthorization[\"']?\s{0,3}[=:]\s{0,3}[\"']?(?:(?:basic|bearer|token)\s{1,3})?)[^\s\"',;&]{1,2048}"
    r"|(?P<name>\b\w{0,40}(?:password|passwd|secret|token|api[_-]?key)\w{0,20}[\"']?\s{0,3}[=:]\s{0,3})"
    r"(?:\"[^\"\n]{1,512}\"|'[^'\n]{1,512}'|[^\s,;&]{1,512})",
    re.IGNORECASE,
)
MARKS = re.compile(r"(`+|\n)")  # of Markdown, which end code
_known: set[str] = set()


def read_secret(name: str, file: Path | None, env: str) -> str:
    """Read a secret from its file or environment variable; empty when neither is named.

    Arguments:
        name: whose secret it is, for the error message.

    Raises:
        ConfigError: the file is missing, readable by everybody or no text, or there is no secret in it or the variable.
    """
    if file is not None:
        value = _read_file(name, file)
        where = str(file)
    elif env:
        value = os.environ.get(env, "").strip()
        where = f"environment variable {env}"
        if not value:
            raise ConfigError((f"{where}, the secret of {name}, is not set",))
    else:
        return ""
    if not value.isprintable() or not value:  # a line break would be a second line of what it is sent in
        raise ConfigError((f"{where}: the secret of {name} must be one line of text",))
    if len(value) >= MIN_SECRET_CHARS:
        _known.add(value)
    return value


def read_key(name: str, file: Path) -> str:
    """Read a private key in PEM, which has several lines.

    Arguments:
        name: whose key it is, for the error message.

    Raises:
        ConfigError: as for a secret, or it is no private key.
    """
    value = _read_file(name, file)
    if not value.startswith("-----BEGIN ") or "PRIVATE KEY-----" not in value.splitlines()[0]:
        raise ConfigError((f"{file}: the key of {name} must be a private key in PEM, as GitHub hands it out",))
    _known.add(value)
    return value


def see_file(name: str, file: Path, *, is_secret: bool = True) -> None:
    """See that a file is there, ours to read, and kept from those who must not read or change it.

    Arguments:
        name: what is in it, for the error message.

    Raises:
        ConfigError: it is not so.
    """
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):  # a pipe would be waited for without end
            raise ConfigError((f"{file}: {name} must be in a file",))
        if is_secret and mode & stat.S_IROTH:
            raise ConfigError((f"{file}: everybody may read {name}; run: chmod o-r {file}",))
        if mode & stat.S_IWOTH:
            raise ConfigError((f"{file}: everybody may change {name}; run: chmod o-w {file}",))
        with file.open("rb"):
            pass
    except OSError as error:
        raise ConfigError((f"{file}: cannot read {name}: {error.strerror}",)) from error


def _read_file(name: str, file: Path) -> str:
    see_file(f"the secret of {name}", file)
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_SECRET_BYTES).decode("utf-8").strip()
    except OSError as error:
        raise ConfigError((f"{file}: cannot read the secret of {name}: {error.strerror}",)) from error
    except UnicodeDecodeError:
        raise ConfigError((f"{file}: the secret of {name} is not UTF-8 text",)) from None  # the error holds the bytes


def redact(text: str) -> str:
    """Cut known secrets, and what has the shape of one, out of a text."""
    return SHAPES.sub(_cut, cut_known(text))


def redact_markdown(text: str) -> str:
    """Cut secrets out of Markdown, but no mark that ends code, or what stands in that would get out of it."""
    return "".join(part if MARKS.match(part) else SHAPES.sub(_cut, part) for part in MARKS.split(cut_known(text)))


def cut_known(text: str) -> str:
    """Cut the secrets that this process has read out of a text."""
    for secret in sorted(_known, key=len, reverse=True):  # one may be the beginning of another
        text = text.replace(secret, CUT)
    return text


def _cut(found: re.Match[str]) -> str:
    if found["url"]:
        return f"{found['url']}{CUT}@"
    return f"{found['hook'] or found['auth'] or found['name'] or ''}{CUT}"
