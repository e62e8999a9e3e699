"""How much the forge still lets us ask of it, in words."""

from collections.abc import Iterable

from bot.values import Budget

NAMES = {"core": "requests", "graphql": "points of GraphQL", "search": "searches"}


def in_words(budgets: Iterable[Budget], waiting: int = 0) -> str:
    """Say what is left of each limit until when, and whether the forge wants to be left alone.

    Arguments:
        waiting: how many writes are not settled.
    """
    told = []
    for budget in sorted(budgets, key=lambda one: one.resource):
        what = NAMES.get(budget.resource, budget.resource)
        told.append(f"{budget.left:,} of {budget.limit:,} {what} left until {budget.resets_at:%H:%M} UTC")
        if budget.quiet_until is not None:
            told.append(f"left alone until {budget.quiet_until:%H:%M} UTC, as it asked")
    if waiting:
        told.append(f"{waiting} {'write waits' if waiting == 1 else 'writes wait'}")
    return ", ".join(told) or "nothing asked yet"
