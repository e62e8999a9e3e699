"""Secrets: read from files or the environment, and cut out of whatever leaves the program."""

import os
import re
import stat
from pathlib import Path

from bot.errors import ConfigError

MIN_SECRET_CHARS = 6  # shorter ones would cut ordinary words out of texts
SHAPES = re.compile(
    r"(?P<url>[a-z][a-z0-9+.-]{1,20}://)[^\s/@:]{1,256}:[^\s/@]{1,256}@"
    r"|\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|xox[abprs]-[\w-]{10,255}|xapp-[\w-]{10,255})"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|(?P<name>\b\w{0,40}(?:password|passwd|secret|token|api_?key)\w{0,20}\s{0,3}[=:]\s{0,3})[^\s,;&]{1,512}",
    re.IGNORECASE,
)
_known: set[str] = set()


def read_secret(name: str, file: Path | None, env: str) -> str:
    """Read a secret from its file or environment variable; empty when neither is named.

    Arguments:
        name: whose secret it is, for the error message.

    Raises:
        ConfigError: the file is missing or readable by everybody, or the variable is not set.
    """
    if file is not None:
        try:
            if file.stat().st_mode & stat.S_IROTH:
                raise ConfigError((f"{file}: everybody may read the secret of {name}; run: chmod o-r {file}",))
            value = file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError((f"{file}: cannot read the secret of {name}: {error.strerror}",)) from error
    elif env:
        value = os.environ.get(env, "").strip()
        if not value:
            raise ConfigError((f"environment variable {env}, the secret of {name}, is not set",))
    else:
        return ""
    if len(value) >= MIN_SECRET_CHARS:
        _known.add(value)
    return value


def redact(text: str) -> str:
    """Cut known secrets, and what has the shape of one, out of a text."""
    for secret in _known:
        text = text.replace(secret, "[secret]")
    return SHAPES.sub(lambda found: f"{found['url'] or found['name'] or ''}[secret]", text)
