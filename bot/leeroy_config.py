"""The configuration of a Leeroy, as its `config.json` has it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bot.errors import ConfigError

MAX_BYTES = 1 << 20


class LeeroyJenkins(msgspec.Struct, frozen=True):
    """Its Jenkins."""

    base_url: str = ""
    username: str = ""
    token: str = ""


class LeeroyBuild(msgspec.Struct, frozen=True):
    """Which job builds the pull requests of a repository, under which name."""

    github_repo: str = ""
    jenkins_job_name: str = ""
    context: str = ""
    custom: bool = False
    handle_issues: bool = False
    is_pipeline: bool = False


class LeeroyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it, with the defaults of Leeroy.

    Arguments:
        user, password: what its own clients prove themselves by.
    """

    jenkins: LeeroyJenkins = LeeroyJenkins()
    build_commits: str = ""
    github_token: str = ""
    github_user: str = ""
    builds: tuple[LeeroyBuild, ...] = ()
    user: str = ""
    password: str = msgspec.field(default="", name="pass")


def read_leeroy(path: Path) -> tuple[LeeroyConfig, Sequence[str]]:
    """Read a `config.json`, and list the keys that Leeroy does not know.

    Raises:
        ConfigError: it cannot be read, is no JSON, or a key has the wrong kind of value; no value is shown.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise ConfigError((f"{path}: larger than 1 MB, which no configuration of Leeroy is",))
        found = json.loads(text)
        config = msgspec.convert(found, LeeroyConfig)
    except OSError as error:
        raise ConfigError((f"{path}: cannot be read: {error.strerror}",)) from error
    except json.JSONDecodeError as error:
        hint = "; JSON has no comments" if b"//" in text else ""
        raise ConfigError((f"{path}:{error.lineno}: no JSON: {error.msg}{hint}",)) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise ConfigError((f"{path}: no JSON",)) from error
    except msgspec.ValidationError as error:
        raise ConfigError((f"{path}: {str(error).replace('$.', '')}",)) from error
    return config, [*_unknown(found)]


def _unknown(found: dict[str, Any]) -> list[str]:
    """List the keys that nothing is read from."""
    tables = [("", found, LeeroyConfig), ("jenkins.", found.get("jenkins", {}), LeeroyJenkins)]
    tables += [(f"builds[{index}].", build, LeeroyBuild) for index, build in enumerate(found.get("builds", ()))]
    return [prefix + key for prefix, table, kind in tables for key in table if key not in kind.__struct_encode_fields__]
