"""Matches by an expression for which Python's `re` needs twice as long with each letter, and lets no thread run."""

import re

from bot.plugin import Call, Context, Plugin

plugin = Plugin("backtracking")
BAD = re.compile(r"(a+)+$")


@plugin.command("backtrack <letters>", reads=True)
async def backtrack(ctx: Context, call: Call) -> str:
    """Look for what is not there."""
    return "found" if BAD.match("a" * int(call["letters"]) + "!") else "not found"
