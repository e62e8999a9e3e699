"""What takes long to make and can be made again: kept between runs in a folder of the user's own."""

import os
import stat
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"gordon-cache-1\n"


def users_folder() -> Path | None:
    """Tell where the user's caches of this program are, by the XDG base directory specification.

    In a container with a user that only a number names there may be no home.
    """
    said = os.environ.get("XDG_CACHE_HOME", "")
    try:
        home = Path(said) if said.startswith("/") else Path.home() / ".cache"
    except RuntimeError:
        return None
    return home / "gordon" / "diagnosis"


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder that only its owner reads and writes; without one, or without a right to write, nothing is kept."""

    folder: Path | None

    def has(self, name: str) -> bool:
        """Tell whether something is kept under a name that may be read."""
        try:
            return self.folder is not None and self._is_ours(self.folder) and (self.folder / name).exists()
        except OSError:
            return False

    def read(self, name: str) -> bytes:
        """Read what was kept under a name; nothing where it is missing, broken or somebody else's."""
        try:
            if self.folder is None or not self._is_ours(self.folder):
                return b""
            with (self.folder / name).open("rb", buffering=0) as file:
                head, kept = file.read(len(MAGIC) + 8), file.readall()
        except OSError:
            return b""
        return kept if head == MAGIC + b"%08x" % zlib.crc32(kept) else b""

    def write(self, name: str, kept: bytes) -> None:
        """Keep something under a name, whole or not at all."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_ours(self.folder):
                return
            handle, draft = tempfile.mkstemp(dir=self.folder)
        except OSError:
            return  # a full disk or a folder without write permission: it is made again next time
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(MAGIC + b"%08x" % zlib.crc32(kept) + kept)
            Path(draft).replace(self.folder / name)
        except OSError:
            Path(draft).unlink(missing_ok=True)

    def _is_ours(self, folder: Path) -> bool:
        about = folder.stat()
        return about.st_uid == os.getuid() and not stat.S_IMODE(about.st_mode) & 0o022
