"""The shapes of secrets in a log, and whether what stands in the place of one is one.

Expressions are RE2's, so that no line of a log can hold them up. In each the last group, `secret`, is what is cut.
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

import re2

MAX_DECODED_CHARS = 64 * 1024  # of base64 that is looked into
# In front of a token, where it begins no word: as a string or an address is escaped, or as a name goes on.
BEFORE_IT = r"\b|_|\\[abfnrtv]|%[0-9A-Fa-f]{2}"
TOKEN_REGEX = "|".join(
    (
        r"gh[pousr]_[A-Za-z0-9]{20,}",  # GitHub
        r"github_pat_\w{20,}",
        r"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|soat|imt|agent|oas|wt)-[\w.-]{16,}",  # GitLab
        r"GR1348941[\w-]{16,}",
        r"xox[a-z](?:\.xox[a-z])?-[\w-]{8,}",  # Slack
        r"xapp-[\w-]{10,}",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/+-]{16,}",
        r"discord(?:app)?\.com/api/webhooks/[\w/-]{16,}",
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7][A-Z0-9]{15}\b",  # AWS
        r"AIza[\w-]{30,}",  # Google
        r"ya29\.[\w-]{16,}",
        r"GOCSPX-[\w-]{16,}",
        r"npm_[A-Za-z0-9]{20,}",
        r"pypi-[\w-]{40,}",
        r"pypi-AgE[\w-]{8,}",
        r"dckr_[a-z]{2,4}_[\w-]{16,}",  # Docker
        r"11[0-9a-f]{32}\b",  # Jenkins
        r"eyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?",  # JWT
        r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}",  # Stripe
        r"sk-[\w-]{32,}",  # OpenAI, Anthropic
        r"SG\.[\w-]{16,}\.[\w-]{16,}",  # SendGrid
        r"hv[sbr]\.[\w-]{20,}",  # Vault
        r"do[por]_v1_[0-9a-f]{32,}",  # DigitalOcean
        r"dapi[0-9a-f]{32}",  # Databricks
        r"rubygems_[0-9a-f]{32,}",
        r"cio[A-Za-z0-9]{32}\b",  # crates.xxx
        r"hf_[A-Za-z0-9]{30,}",
        r"sqp_[0-9a-f]{32,}",  # SonarQube
        r"AAAA[\w-]{7}:[\w-]{100,}",  # Firebase
        r"[0-9]{8,10}:AA[\w-]{33}",  # Telegram
        r"AGE-SECRET-KEY-1[A-Z0-9]{20,}",
    )
)
VALUE_REGEX = r"""\\"[^"\\]*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'&]+"""
NAME_REGEX = (
    r"pass(?:word|wd|phrase|code)|passw|pwd|secret|credentials?|token|api[_.-]?key|access[_.-]?key|private[_.-]?key"
    r"|account[_.-]?key|shared[_.-]?access|_auth|crumb|sonar\.login"
)
NOTHING = frozenset(
    {
        "",
        "null",
        "none",
        "nil",
        "true",
        "false",
        "undefined",
        "yes",
        "no",
        "empty",
        "redacted",
        "masked",
        "hidden",
        "secure",
    }
)
MIN_TOKEN_CHARS, MIN_KEY_CHARS = 8, 16


def compiled(regex: str) -> Any:
    """Compile an expression of RE2's, quietly.

    Raises:
        re2.error: it is none.
    """
    options = re2.Options()
    options.log_errors = False
    return re2.compile(regex, options)


TOKENS = compiled(f"(?:{BEFORE_IT})(?P<secret>{TOKEN_REGEX})")
PARTS = (
    # scheme://user:password@host, and a token in the place of the user
    compiled(r"(?i)[a-z][a-z0-9+.-]{1,20}://(?P<secret>[^\s/@:\"'<>]*:[^\s/\"'<>]+|[^\s/@:\"'<>]{20,})@"),
    # the same as an argument of another address
    compiled(r"(?i)[a-z][a-z0-9+.-]{1,20}%3a%2f%2f(?P<secret>[^\s/@:\"'<>&]*?%3a[^\s/@:\"'<>&]+?)%40"),
    compiled(
        r"(?i)\b(?:proxy-)?authorization\\?[\"']?\s*[=:]\s*\\?[\"']?"
        r"(?P<secret>(?:(?:basic|bearer|token|digest|negotiate|apikey|aws4-hmac-sha256)\s+)?[^\s\"'\\][^\"'\\]*)"
    ),
    compiled(r"(?i)\b(?:set-)?cookie2?\\?[\"']?\s*:\s*\\?[\"']?(?P<secret>[^\s\"'\\][^\"'\\]*)"),
    compiled(r"(?i)[?&;](?:sig|signature|x-amz-(?:signature|credential)|code|auth|key)=(?P<secret>[^\s&\"'<>]{8,})"),
    compiled(
        r"(?i)<[\w.:-]*(?:password|passwd|passphrase|secret|token|api[_-]?key)[\w.-]*(?:\s[^<>]*)?>(?P<secret>[^<>]+)<"
    ),
    compiled(
        r"(?i)(?:^|\s)--?(?:[a-z0-9]+[_-])*(?:password|passwd|pass|passphrase|token|secret|api-?key|access-key|auth)"
        rf"(?:\s+|=)(?P<secret>{VALUE_REGEX})"
    ),
    compiled(rf"(?i)\blogin\b.*?\s-p(?:\s+|=)?(?P<secret>{VALUE_REGEX})"),
    # a line of .netrc
    compiled(rf"(?i)\b(?:machine\s+\S+\s.*?|login\s+\S+\s+)\bpassword\s+(?P<secret>{VALUE_REGEX})"),
    compiled(rf"(?i)\bsshpass\s+-p\s*(?P<secret>{VALUE_REGEX})"),
    compiled(rf"(?i)\bmysql(?:admin|dump|import)?\b.*?\s-p(?P<secret>{VALUE_REGEX})"),
    compiled(
        r"(?i)\b(?:curl|http|https)\b.*?\s(?:-u|--user|--proxy-user|-a|--auth)[\s=]*(?P<secret>[^\s:-][^\s:]*:\S+)"
    ),
    compiled(rf"(?i)\becho\s+(?:-[ne]+\s+)?(?P<secret>{VALUE_REGEX})\s*\|.*?(?:login|--password-stdin|--with-token)"),
)
NAMED = compiled(
    rf"(?i)(?P<name>[\w.-]*(?:{NAME_REGEX})[\w-]{{0,20}}|\b[\w.-]*(?:key|auth|pass|sig|salt|pin))"
    rf"(?P<between>\\?[\"']?\]?\s*(?:=>|:=|=|:)\s*)(?P<secret>{VALUE_REGEX})"
)
STRONG = compiled(r"(?i)pass|pwd|secret|credential|(?:api|access|private|account)[_.-]?key|_auth$|crumb")
CODE = compiled(r"(?i)^test_|(?:tests?|spec|suite|errors?|exceptions?|polic(?:y|ies)|provider|filter)$")
PASSED_TEST = compiled(r"^(?:Test|Example|Benchmark|[^\s:]{1,200}_test\.go:[0-9])")
SCHEMES = compiled(r"(?i)\b(?:basic|bearer)\s+(?P<secret>[\w+/.~=-]{8,})")
BASE64 = compiled(r"(?P<secret>[A-Za-z0-9+/]{12,}={0,2}|[\w-]{12,}={0,2})")
# The line ends before the host does, as the log was cut or the line wrapped.
TORN_URL = compiled(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/@:\"'<>]*:(?P<secret>[^\s/@\"'<>]{4,})$")
TORN_TOKEN = compiled(r"\b(?P<secret>(?:gh[pousr]_|github_pat_|glpat-|npm_|dckr_pat_|pypi-|xox[a-z]-|AIza)[\w-]{4,})$")
TORN = compiled(r"^\.\.\.(?P<secret>[\w+=-]{8,})")  # the line was cut in front of it, perhaps in the middle of a token
EMAIL = compiled(r"(?P<secret>[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})")
CREDENTIALS = compiled(r"^[^\s:/]{1,128}:[^\s:/]\S{2,}$")


def spans_in(text: str, more: tuple[Any, ...] = ()) -> Iterator[tuple[int, int]]:
    """List where secrets stand in a text without line breaks; two may overlap.

    Arguments:
        more: further expressions.
    """
    for regex in (TOKENS, *PARTS):
        for found in regex.finditer(text):
            if not is_nothing(found["secret"]):
                yield found.span(1)
    for found in NAMED.finditer(text):
        start, end = _trimmed(text, *found.span(3))
        if is_value(found["name"], found["between"], text[: found.start()], text[start:end]):
            yield start, end
    for regex in (SCHEMES, TORN, TORN_URL, TORN_TOKEN):
        for found in regex.finditer(text):
            if looks_random(found["secret"]) or is_hidden(found["secret"]):
                yield found.span(1)
    for found in BASE64.finditer(text):
        if is_hidden(found["secret"]):
            yield found.span(1)
    for regex in more:
        group = regex.groupindex.get("secret", 0)
        for found in regex.finditer(text):
            if found.start(group) < found.end(group):
                yield found.span(group)


def is_value(name: str, between: str, before: str, value: str) -> bool:
    """Tell whether what is given a name such as `DB_PASSWORD` or `token` is a secret.

    Arguments:
        between: what stands between the two, with `=` or `:` in it.
        before: what stands before the name.
    """
    bare = value.strip("\\\"'")
    if is_nothing(bare) or bare[0] in "=:":
        return False
    assigns = "=" in between
    if STRONG.search(name):
        if name in {"PWD", "OLDPWD"} or (name.endswith("PASS") and not assigns and _is_passed(name, bare)):
            return False
        return assigns or not (CODE.search(name) or bare in {"FAILED", "PASSED", "ERROR"})
    if "token" in name.lower():
        if assigns and not between.startswith(" "):
            return len(bare) >= 3
        return len(bare) >= MIN_TOKEN_CHARS and looks_random(bare)
    return len(bare) >= MIN_KEY_CHARS and looks_random(bare) and bare.isascii() and "/" not in bare[:2]


def _is_passed(name: str, value: str) -> bool:
    """Tell whether tests passed, as Go and automake say; the line before may end where the name begins."""
    return name == "PASS" or PASSED_TEST.search(value) is not None


def is_nothing(value: str) -> bool:
    """Tell whether a value is none: it was masked, or is a variable that the shell would fill in."""
    bare = value.strip("\\\"'")
    if bare.lower().strip("[](){}<>*") in NOTHING or not bare.strip("*x.#-•"):
        return True
    return bare.startswith(("$", "<", "{{", "%(", "%{", "[secret]", "[secure]"))


def looks_random(word: str) -> bool:
    """Tell whether letters and digits are mixed as nobody mixes them in a word."""
    has_digit = any(char.isdigit() for char in word)
    has_letter = any(char.isalpha() for char in word)
    return (has_digit and has_letter) or (
        len(word) > 3 and any(char.isupper() for char in word[1:]) and any(char.islower() for char in word)
    )


def is_hidden(word: str) -> bool:
    """Tell whether base64 holds credentials: `user:password`, a token, or an assignment of one."""
    bare = word.rstrip("=").replace("-", "+").replace("_", "/")
    if len(bare) > MAX_DECODED_CHARS or len(bare) % 4 == 1:
        return False
    try:
        text = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode("ascii").strip()
    except (binascii.Error, UnicodeDecodeError):
        return False
    if not text.replace("\n", " ").isprintable():
        return False
    if CREDENTIALS.search(text) or TOKENS.search(text) or "PRIVATE KEY" in text:
        return True
    return any(is_value(found["name"], found["between"], "", found["secret"]) for found in NAMED.finditer(text))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave the punctuation after a value where it is."""
    if text[start] not in "\\\"'":
        while end > start + 1 and text[end - 1] in ",;)]}":
            end -= 1
    return start, end
