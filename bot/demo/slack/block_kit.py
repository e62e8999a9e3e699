"""Block Kit's published limits."""

from typing import Any

from bot.demo.slack.calls import ApiError


def check_blocks(blocks: Any, surface: str, *, error: str = "invalid_blocks") -> None:
    if not isinstance(blocks, list):
        raise ApiError("invalid_blocks_format")
    if len(blocks) > (50 if surface == "message" else 100):
        raise ApiError(error)


def check_view(view: Any, kind: str) -> None:
    check_blocks(view.get("blocks"), kind)
