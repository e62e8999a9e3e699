"""Spans of what is done, for whoever collects them; without OpenTelemetry and an address to send them to, nothing.

A span begins below the one that is open where it begins, across threads and loops too, as those hand the context on.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any

from bot.audit import short_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

WANTED_BY = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER")
NO_SPAN: AbstractContextManager[None] = nullcontext()
Start = Callable[..., AbstractContextManager[Any]]
_start: Start | None = None


def begin() -> bool:
    """Send spans where the environment says, if it does and OpenTelemetry is there; tell whether that is so."""
    if all(os.environ.get(name, "") in ("", "none") for name in WANTED_BY):
        return False
    try:
        sender = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")  # by name: mypy may lack it
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        return False
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", "gordon")}))
    # It sends what is left at the end of the program by itself.
    provider.add_span_processor(BatchSpanProcessor(sender.OTLPSpanExporter()))
    trace_with(provider)
    return True


def trace_with(provider: "TracerProvider | None") -> None:
    """Make spans by this provider from now on; None: none."""
    global _start
    _start = provider.get_tracer("gordon").start_as_current_span if provider is not None else None


def span(name: str, event_key: str = "", **facts: str) -> AbstractContextManager[None]:
    """Open a span around what is done next; an error that leaves it is noted on it.

    Arguments:
        event_key: of the event on whose behalf; the span is given its short id, which people read too.
        facts: attributes, of which none may be a secret.
    """
    if _start is None:
        return NO_SPAN
    return _Open(_start, name, event_key, facts)


class _Open:
    """A span that is open; of an error that leaves it only the kind is told, as its words may be somebody's."""

    def __init__(self, start: Start, name: str, event_key: str, facts: dict[str, str]) -> None:
        known = {"gordon.event": short_id(event_key), "gordon.event_key": event_key} if event_key else {}
        told = known | {f"gordon.{fact}": value for fact, value in facts.items() if value}
        self._span = start(name, attributes=told, record_exception=False, set_status_on_exception=False)

    def __enter__(self) -> None:
        self._at = self._span.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._at.set_attribute("error.type", kind.__name__)
        self._span.__exit__(kind, error, trace)
