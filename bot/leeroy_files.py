"""`gordon import leeroy config.json`: the files are written beside each other, none of them over another."""

import os
import secrets
import sys
from pathlib import Path

from bot.config import load
from bot.errors import ConfigError
from bot.leeroy_config import read_leeroy
from bot.leeroy_import import convert

SECRETS = "secrets"  # the folder, beside the configuration


def import_leeroy(config: Path, output: Path) -> int:
    """Read, write, and say on stderr what is left to do; return the exit status.

    Arguments:
        config: of Leeroy.
        output: of Gordon; all else is written beside it.

    Raises:
        ConfigError: the file is wrong, one that would be written is there already, or the folder is not, and nothing is
            written; or what was written has a name that Gordon does not take.
    """
    imported = convert(*read_leeroy(config), lambda: secrets.token_urlsafe(32))
    folder = output.parent
    if not folder.is_dir():
        raise ConfigError((f"there is no folder {folder}; nothing was written",))
    texts = {folder / SECRETS / name: (f"{secret}\n", 0o600) for name, secret in imported.secrets.items()}
    notes = list(imported.notes)
    if (people := folder / "people.toml").exists():
        notes.append(f"{people} is there already and stays; add to it:\n{imported.people.strip()}")
    else:
        texts[people] = (imported.people, 0o644)
    texts[output] = (imported.config, 0o644)
    if there := [path for path in texts if path.exists()]:
        raise ConfigError(tuple(f"{path} is there already; nothing was written" for path in there))
    try:
        (folder / SECRETS).mkdir(mode=0o700, exist_ok=True)
        for path, (text, mode) in texts.items():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise ConfigError((f"{error.filename}: cannot be written: {error.strerror}",)) from error
    print(f"wrote {', '.join(map(str, texts))}")
    for note in notes:
        print(f"- {note}", file=sys.stderr)
    load(output)
    return 0
