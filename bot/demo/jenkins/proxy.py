"""What a proxy in front of a Jenkins stand-in does to the slashes in names, which arrive as `%2F` or `%252F`."""

import re
from typing import Literal, TypeAlias

EncodedSlashes: TypeAlias = Literal["kept", "decoded", "refused"]

_SLASH = re.compile(r"%2F", re.IGNORECASE)
_ONCE = re.compile(r"%25|%2F", re.IGNORECASE)


def passed_on(target: str, how: EncodedSlashes) -> str | None:
    """Give the target as it arrives behind the proxy, or None when the proxy answers 404 itself.

    Arguments:
        how: `refused` is Apache's AllowEncodedSlashes Off, `decoded` an nginx whose proxy_pass has a path.
    """
    path, mark, query = target.partition("?")
    if how == "refused":
        return None if _SLASH.search(path) else target
    if how == "decoded":
        path = _ONCE.sub(lambda match: "%" if match[0] == "%25" else "/", path)
    return path + mark + query
