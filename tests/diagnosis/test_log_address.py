"""Which address a log is read from, for what people copy out of a browser."""

import pytest

from bot.adapters.log_wire import (
    Facts,
    may_have_login,
    next_address,
    read_address,
    read_facts,
)
from bot.diagnosis.given import is_address
from bot.errors import UserError

CI = "https://ci.example"


@pytest.mark.parametrize(
    ("given", "builds"),
    [
        pytest.param(f"{CI}/job/x/12/", [f"{CI}/job/x/12/"], id="build"),
        pytest.param(f"{CI}/job/x/12", [f"{CI}/job/x/12/"], id="without-slash"),
        pytest.param(f"{CI}/job/x/12/console", [f"{CI}/job/x/12/"], id="console"),
        pytest.param(f"{CI}/job/x/12/consoleText", [f"{CI}/job/x/12/"], id="console-text"),
        pytest.param(f"{CI}/job/x/12/consoleFull#end", [f"{CI}/job/x/12/"], id="console-full"),
        pytest.param(f"{CI}/job/x/12/logText/progressiveText?start=0", [f"{CI}/job/x/12/"], id="progressive"),
        pytest.param(f"{CI}/job/x/12/testReport/", [f"{CI}/job/x/12/"], id="test-report"),
        pytest.param(f"{CI}/job/x/lastFailedBuild/", [f"{CI}/job/x/lastFailedBuild/"], id="last-failed"),
        pytest.param(f"{CI}/jenkins/job/a/job/b/7/", [f"{CI}/jenkins/job/a/job/b/7/"], id="folder-and-prefix"),
        pytest.param(f"{CI}/view/all/job/x/7/", [f"{CI}/view/all/job/x/7/"], id="view"),
        pytest.param(f"{CI}/job/m/A=b,C=1/7/", [f"{CI}/job/m/A=b,C=1/7/"], id="matrix-cell"),
        pytest.param(f"{CI}/job/r/job/PR-5/3/", [f"{CI}/job/r/job/PR-5/3/"], id="multibranch"),
        pytest.param(f"{CI}/job/r/job/f%252Fx/3/console", [f"{CI}/job/r/job/f%252Fx/3/"], id="branch-with-slash"),
        pytest.param(
            f"{CI}/blue/organizations/jenkins/r/detail/PR-5/3/pipeline", [f"{CI}/job/r/job/PR-5/3/"], id="blue-branch"
        ),
        pytest.param(
            f"{CI}/blue/organizations/jenkins/a%2Fr/detail/f%2Fx/3/pipeline/12",
            [f"{CI}/job/a/job/r/job/f%252Fx/3/"],
            id="blue-folder-and-slash",
        ),
        pytest.param(
            f"{CI}/blue/organizations/jenkins/a%2Fr/detail/r/3/",
            [f"{CI}/job/a/job/r/3/", f"{CI}/job/a/job/r/job/r/3/"],
            id="blue-job-without-branches-or-branch-named-like-it",
        ),
        pytest.param(f"{CI}/job/x/12/artifact/out/build.log", [], id="artifact"),
        pytest.param("https://api.travis-ci.org/v3/job/123/log.txt", [], id="travis"),
        pytest.param("https://results.example/logs/12/raw", [], id="plain"),
        pytest.param("http://127.0.0.1:8080/job/5/6/", ["http://127.0.0.1:8080/job/5/6/"], id="job-named-by-a-number"),
    ],
)
def test_a_build_is_recognised_by_its_address(given: str, builds: list[str]) -> None:
    assert list(read_address(given).builds) == builds


def test_any_other_address_is_the_log_itself() -> None:
    assert read_address("https://x.example/a/log.txt?sig=1#L7").url == "https://x.example/a/log.txt?sig=1"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param("ftp://x.example/log", "begins with https", id="scheme"),
        pytest.param("file:///etc/passwd", "begins with https", id="A28-file"),
        pytest.param("https://bob:pw@ci.example/job/x/1/", "GORDON_JENKINS_TOKEN", id="A26-login"),
        pytest.param("https://bob@ci.example/job/x/1/", "user or password", id="A26-user"),
        pytest.param("https:///job/x/1/", "no host", id="no-host"),
        pytest.param("https://ci.example:99999/x", "cannot be read", id="no-port"),
        pytest.param("https://[::1/x", "cannot be read", id="no-ipv6"),
        pytest.param("https://ci.example/a b", "blanks", id="blank"),
        pytest.param("https://ci.example/a\r\nX: y", "blanks", id="A13-header"),
        pytest.param("https://ci.example/job/x/", "add the number", id="job-without-number"),
    ],
)
def test_what_is_no_address_of_a_log_is_told(given: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        read_address(given)


@pytest.mark.parametrize(
    ("word", "is_one"),
    [("https://x/y", True), ("s3://bucket/log", True), ("logs/a.log", False), ("C://x", True), ("-", False)],
)
def test_an_address_is_told_from_a_file(word: str, is_one: bool) -> None:
    assert is_address(word) is is_one


@pytest.mark.parametrize(
    ("url", "home", "may"),
    [
        pytest.param("https://ci.example/job/x/1/", "https://ci.example/", True, id="home"),
        pytest.param("https://ci.example/jenkins/job/x/1/", "https://ci.example/jenkins", True, id="below-home"),
        pytest.param("https://ci.example/other/job/x/1/", "https://ci.example/jenkins", False, id="beside-home"),
        pytest.param("https://ci.example/jenkins2/x", "https://ci.example/jenkins", False, id="name-begins-the-same"),
        pytest.param("https://evil.example/job/x/1/", "https://ci.example/", False, id="another-host"),
        pytest.param("http://ci.example/job/x/1/", "https://ci.example/", False, id="less-private"),
        pytest.param("https://ci.example:8443/job/x/1/", "https://ci.example/", False, id="another-port"),
        pytest.param("https://ci.example:443/job/x/1/", "https://ci.example/", True, id="its-port-said"),
        pytest.param("https://ci.example/job/x/1/", "", False, id="home-not-said"),
        pytest.param("http://127.0.0.1:8080/job/x/1/", "", True, id="this-machine"),
    ],
)
def test_a_login_goes_to_its_own_jenkins_only(url: str, home: str, may: bool) -> None:
    """A26: anybody can write a link into a pull request."""
    assert may_have_login(url, home) is may


@pytest.mark.parametrize(
    ("url", "location", "lands"),
    [
        pytest.param("http://h/a", "/b", "http://h/b", id="path"),
        pytest.param("http://h/a", "https://h/a", "https://h/a", id="to-https"),
        pytest.param("https://h/job/x/1", "https://h/job/x/1/", "https://h/job/x/1/", id="slash"),
    ],
)
def test_a_redirect_is_followed_on_its_host(url: str, location: str, lands: str) -> None:
    assert next_address(url, location) == lands


@pytest.mark.parametrize(
    ("url", "location", "why"),
    [
        pytest.param("https://h/a", "https://other/a", "another host, other", id="A28-host"),
        pytest.param("https://h/a", "http://h/a", "another host", id="A28-less-private"),
        pytest.param("https://h/a", "http://169.254.169.254/latest", "169.254.169.254", id="A28-metadata"),
        pytest.param("https://h/a", "https://u:p@h/a", "another host", id="A28-login"),
        pytest.param("https://h/a", "file:///etc/passwd", "another host", id="A28-file"),
        pytest.param("http://h:80/a", "http://h:22/a", "another port", id="A28-port"),
        pytest.param("https://h/job/x/1/", "/login?from=x", "wants a login", id="login-page"),
        pytest.param("https://h/job/x/1/", "/securityRealm/commenceLogin", "wants a login", id="single-sign-on"),
    ],
)
def test_a_redirect_elsewhere_is_not_followed(url: str, location: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        next_address(url, location)


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        pytest.param(b'{"building":false,"result":"FAILURE"}', Facts("FAILURE", False), id="ended"),
        pytest.param(b'{"_class":"x","building":true,"result":null}', Facts("", True), id="F25-running"),
        pytest.param(b'{"building":false,"result":7}', Facts("", False), id="no-word"),
        pytest.param(b"[1]", None, id="no-object"),
        pytest.param(b'{"result":"FAILURE"}', None, id="no-build"),
        pytest.param(b"<html>", None, id="page"),
        pytest.param(b"[" * 100_000, None, id="deep"),
        pytest.param(b'{"building":true,"x":"\xff"}', None, id="no-utf-8"),
    ],
)
def test_what_jenkins_says_of_a_build(body: bytes, facts: Facts | None) -> None:
    assert read_facts(body) == facts
