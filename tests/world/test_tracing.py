"""Spans of what a command comes to, where somebody collects them; and nothing where nobody does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bot import tracing
from bot.demo.world import World
from bot.testing import running
from tests.world.honesty import until


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.trace_with(provider)
    yield exporter
    tracing.trace_with(None)
    provider.shutdown()


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


async def test_a_command_is_one_trace_over_both_loops(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    async with World(tmp_path) as world, running(tmp_path, world=world) as gordon:
        told = await gordon.say("tianon", "rebuild moby#1 janky", expect="queued janky")
        await until(lambda: named(spans, "handler rebuild:rebuild"))
    [handler], [effect] = named(spans, "handler rebuild:rebuild"), named(spans, "effect build.start")
    assert handler.attributes is not None
    assert handler.attributes["gordon.event"] == told[-5:-1]
    assert effect.parent is not None
    assert handler.context is not None
    assert effect.parent.span_id == handler.context.span_id  # though it is done on another loop
    calls = [
        (span.attributes or {})["gordon.neighbour"]
        for span in named(spans, "call")
        if span.context and span.context.trace_id == handler.context.trace_id
    ]
    assert {"GitHub", "Jenkins ci"} == set(calls)


def test_an_error_is_told_by_its_kind_alone(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="of somebody"), tracing.span("effect x", "test:1"):
        raise ValueError("words of somebody")
    [span] = spans.get_finished_spans()
    assert (span.attributes or {})["error.type"] == "ValueError"
    assert "somebody" not in span.to_json()


def test_nothing_is_made_where_nobody_collects(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tracing.WANTED_BY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert not tracing.begin()
    assert tracing.span("handler x", "test:1") is tracing.NO_SPAN
