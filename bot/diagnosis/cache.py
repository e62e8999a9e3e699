"""What takes long to make and can be made again: kept between runs in a folder of the user's own."""

import os
import stat
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"gordon-cache-1\n"


def users_folder() -> Path:
    """Tell where the user's caches of this program are, by the XDG base directory specification."""
    said = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(said) if said.startswith("/") else Path.home() / ".cache"
    return home / "gordon" / "diagnosis"


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder that only its owner reads and writes; without one, or without a right to write, nothing is kept."""

    folder: Path

    def read(self, name: str) -> bytes:
        """Read what was kept under a name; nothing where it is missing, broken or somebody else's."""
        try:
            if not self._is_ours():
                return b""
            with (self.folder / name).open("rb", buffering=0) as file:
                head, kept = file.read(len(MAGIC) + 8), file.readall()
        except OSError:
            return b""
        return kept if head == MAGIC + b"%08x" % zlib.crc32(kept) else b""

    def write(self, name: str, kept: bytes) -> None:
        """Keep something under a name, whole or not at all."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_ours():
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

    def _is_ours(self) -> bool:
        about = self.folder.stat()
        return about.st_uid == os.getuid() and not stat.S_IMODE(about.st_mode) & 0o022
