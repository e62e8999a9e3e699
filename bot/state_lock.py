"""One Gordon owns a state folder: effects count on the former one being dead."""

import fcntl
import os
from pathlib import Path

from bot.errors import StorageError


class StateLock:
    """Holds the folder of everything that is kept, which is made if it is not there.

    Raises:
        StorageError: it cannot be written in, or another Gordon holds it.
    """

    def __init__(self, state: Path) -> None:
        try:
            state.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._file = os.open(state / "gordon.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise StorageError(f"{state} must be a folder that Gordon may write in: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel lets go of it when this process dies
        except OSError as error:
            self.close()
            told = f"another Gordon uses {state}; stop it first, or give this one its own folder"
            raise StorageError(told) from error

    def close(self) -> None:
        """Let another Gordon have it."""
        os.close(self._file)


def is_held(state: Path) -> bool:
    """Tell whether a Gordon has the folder now; nothing is made or left there."""
    try:
        file = os.open(state / "gordon.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False
