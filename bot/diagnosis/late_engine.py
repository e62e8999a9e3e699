"""RE2 at once, and Hyperscan where so much is scanned that the seconds it takes to compile are worth it."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from bot.diagnosis.cache import Cache
from bot.diagnosis.expressions import BadExpression, Expression
from bot.diagnosis.hyperscan_engine import HyperscanEngine
from bot.diagnosis.re2_engine import Re2Engine

# Nearly all logs are shorter than 3 MB, and RE2 is done with one before Hyperscan has compiled what is shipped.
PATIENCE_S = 2.0
PATIENCE_BYTES = 8 << 20


class LateEngine:
    """A set of expressions, scanned for by RE2 at first and by Hyperscan later; that is then kept in the cache.

    Arguments:
        patience_s: how many seconds RE2 may scan before Hyperscan compiles.
        patience_bytes: how many bytes it may scan before that.

    Raises:
        BadExpression: RE2 cannot compile one of them, or all together. Where Hyperscan cannot, RE2 stays.
    """

    def __init__(
        self,
        expressions: Sequence[Expression],
        cache: Cache,
        *,
        patience_s: float = PATIENCE_S,
        patience_bytes: int = PATIENCE_BYTES,
    ) -> None:
        self._expressions, self._cache = expressions, cache
        self._engine: Re2Engine | HyperscanEngine = Re2Engine(expressions)
        self._left_s, self._left_bytes = patience_s, patience_bytes
        self._compiling = threading.Lock()
        self._is_settled = False

    def scan(self, text: bytes) -> Sequence[int]:
        """List the positions of the expressions that are found in a text, each once."""
        if self._is_settled:
            return self._engine.scan(text)
        begun_s = time.monotonic()
        found = self._engine.scan(text)
        self._left_s -= time.monotonic() - begun_s
        self._left_bytes -= len(text)
        if (self._left_s <= 0 or self._left_bytes <= 0) and self._compiling.acquire(blocking=False):
            self._settle()
        return found

    def _settle(self) -> None:
        """Compile once, whichever thread it was; the others go on with RE2 meanwhile."""
        with suppress(BadExpression):  # where Hyperscan takes less than RE2
            self._engine = HyperscanEngine(self._expressions, self._cache)
        self._is_settled = True
