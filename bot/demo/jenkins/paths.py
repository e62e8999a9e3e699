"""How names stand in the addresses of a Jenkins stand-in."""

from urllib.parse import quote

_RAW = "!$&'()*+,-.=@_"


def raw_encode(name: str) -> str:
    """Encode a name for a path as Jenkins does: some marks stay as they are [Util.rawEncode]."""
    return quote(name, safe=_RAW).replace("~", "%7E")


def item_path(full_name: str) -> str:
    """Make the path of a job or folder below the root, each name percent-encoded once."""
    return "".join(f"job/{raw_encode(part)}/" for part in full_name.split("/"))
