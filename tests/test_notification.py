"""What the Notification plugin posts is a hint where to look and nothing more, whatever stands in it (A29, J26)."""

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.adapters.notification_wire import Hint, WrongFormat, read_notification

FUZZ = int(os.environ.get("GORDON_FUZZ", "5000")) // 2
JSON = "application/json;charset=UTF-8"
FULL_URL = "https://ci.example.org/jenkins/job/infra/job/docker-prs/42/"


def body(*, url: Any = "job/infra/job/docker-prs/", **build: Any) -> bytes:
    return json.dumps({"name": "docker-prs", "url": url, "build": build}).encode()


@pytest.mark.parametrize(
    ("sent", "hint"),
    [
        pytest.param(body(full_url=FULL_URL, number=42), Hint("infra/docker-prs", 42), id="full-url"),
        pytest.param(
            body(url="job/infra/job/docker-prs/42/", number=42), Hint("infra/docker-prs", 42), id="no-root-configured"
        ),
        pytest.param(body(number=42), Hint("infra/docker-prs", 42), id="address-of-the-job-alone"),
        pytest.param(body(full_url=FULL_URL), Hint("infra/docker-prs", 42), id="number-in-the-address-alone"),
        pytest.param(body(), Hint("infra/docker-prs", None), id="no-number"),
        pytest.param(body(full_url="x", number=7), Hint("infra/docker-prs", 7), id="first-address-unreadable"),
        pytest.param(
            body(full_url="https://ci/job/repo/job/feature%252Fx/3/"), Hint("repo/feature%2Fx", 3), id="J14-branch"
        ),
        pytest.param(body(full_url="https://ci/job/m/AXIS=v/3/"), Hint("m", 3), id="cell-of-a-matrix"),
        pytest.param(body(full_url=FULL_URL, number=-1), Hint("infra/docker-prs", 42), id="negative-number"),
        pytest.param(body(full_url=FULL_URL, number=10**30), Hint("infra/docker-prs", 42), id="huge-number"),
        pytest.param(
            body(full_url=FULL_URL, number=42, phase="COMPLETED", status="SUCCESS", log="x" * 10_000),
            Hint("infra/docker-prs", 42),
            id="A29-its-result-is-not-even-read",
        ),
        pytest.param(
            body(full_url=FULL_URL, number=42, phase="QUEUED"),
            Hint("infra/docker-prs", 42),
            id="J26-queued-is-no-start",
        ),
    ],
)
def test_a_notification_names_a_build(sent: bytes, hint: Hint) -> None:
    assert read_notification(sent, JSON) == hint


@pytest.mark.parametrize(
    ("sent", "content_type", "said"),
    [
        pytest.param(b"<job><name>x</name></job>", "application/xml;charset=UTF-8", "choose the format JSON", id="xml"),
        pytest.param(b"  <job/>", "", "choose the format JSON", id="xml-without-a-type"),
        pytest.param(b"payload=%7B%7D", "application/x-www-form-urlencoded", "a form; choose the", id="form"),
        pytest.param(b"", JSON, "no JSON", id="empty"),
        pytest.param(b'{"build": {"number": 1', JSON, "no JSON", id="cut-off"),
        pytest.param(b'{"url": "\xff"}', JSON, "no JSON", id="not-utf-8"),
        pytest.param(b'{"x":' + b"[" * 100_000, JSON, "no JSON", id="A12-deep"),
        pytest.param(b'{"build": {"number": NaN}}', JSON, "no JSON", id="A12-no-number"),
        pytest.param(b'{"url": "job/\\ud800/"}', JSON, "no JSON", id="A12-half-a-character"),
        pytest.param(b'{"build": {"number": ' + b"9" * 5000 + b"}}", JSON, "no", id="A12-huge-number"),
        pytest.param(b"{" + b'"a":1,' * 300_000 + b'"b":1}', JSON, "without the address", id="A12-many-keys"),
        pytest.param(b"[]", JSON, "no notification", id="list"),
        pytest.param(b"null", JSON, "no notification", id="null"),
        pytest.param(b'{"build": 5}', JSON, "no notification", id="build-of-another-kind"),
        pytest.param(body(full_url=FULL_URL, number="42"), JSON, "no notification", id="number-as-text"),
        pytest.param(body(url=None), JSON, "no notification", id="null-address"),
        pytest.param(b"{}", JSON, "without the address of a job", id="nothing-in-it"),
        pytest.param(body(url="job/../"), JSON, "without the address of a job", id="no-name-of-a-job"),
        pytest.param(body(url="job/a%0d%0ab/"), JSON, "without the address of a job", id="J29-line-break-in-a-name"),
        pytest.param(body(url="/job/a" * 5000), JSON, "without the address of a job", id="endless-address"),
    ],
)
def test_what_is_no_notification_is_refused_without_repeating_it(sent: bytes, content_type: str, said: str) -> None:
    with pytest.raises(WrongFormat, match=said) as caught:
        read_notification(sent, content_type)
    assert len(str(caught.value)) < 100


@settings(max_examples=FUZZ, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode), st.builds(body, url=st.text())))
def test_no_body_does_worse_than_being_refused(sent: bytes) -> None:
    try:
        hint = read_notification(sent, JSON)
    except WrongFormat:
        return
    assert hint.job
