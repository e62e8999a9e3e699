"""What `status` says of the requests that GitHub still answers (F15)."""

from datetime import UTC, datetime

import pytest

from bot.budget import in_words
from bot.values import Budget

TWO, THREE = datetime(2026, 1, 2, 14, 5, tzinfo=UTC), datetime(2026, 1, 2, 15, 0, tzinfo=UTC)
CORE, GRAPHQL = Budget("core", 5000, 4812, TWO), Budget("graphql", 5000, 5000, THREE)


@pytest.mark.parametrize(
    ("budgets", "waiting", "words"),
    [
        pytest.param([], 0, "nothing asked yet", id="before-the-first-answer"),
        pytest.param([CORE], 0, "4,812 of 5,000 requests left until 14:05 UTC", id="plenty"),
        pytest.param(
            [GRAPHQL, CORE],
            0,
            "4,812 of 5,000 requests left until 14:05 UTC, 5,000 of 5,000 points of GraphQL left until 15:00 UTC",
            id="both-limits",
        ),
        pytest.param(
            [Budget("core", 5000, 0, TWO, quiet_until=THREE)],
            3,
            "0 of 5,000 requests left until 14:05 UTC, left alone until 15:00 UTC, as it asked, 3 writes wait",
            id="F15-quiet-with-writes-that-wait",
        ),
        pytest.param([CORE], 1, "4,812 of 5,000 requests left until 14:05 UTC, 1 write waits", id="one-write"),
    ],
)
def test_the_budget_in_words(budgets: list[Budget], waiting: int, words: str) -> None:
    assert in_words(budgets, waiting) == words
