"""Secrets as they get into logs, each made up here and found nowhere else: where one is seen, it has leaked."""

import base64
import random
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

SEED = 26
WHOLE_CHARS = 10  # so many characters of a secret in a row are of use to somebody
_DRAW = random.Random(SEED)


@dataclass(frozen=True, slots=True)
class Canary:
    """A secret, and how it stands in a log.

    Arguments:
        written: what the log has, a line or several.
        secrets: what nobody may ever see.
    """

    name: str
    written: str
    secrets: tuple[str, ...]

    @property
    def forbidden(self) -> tuple[bytes, ...]:
        """List what may stand nowhere: pieces of the secret that are of use, and other ways to spell it."""
        return tuple({form.encode() for secret in self.secrets for form in _forms(secret)})


def _forms(secret: str) -> Iterator[str]:
    if len(secret) <= WHOLE_CHARS:
        yield secret
    for at in range(0, max(1, len(secret) - WHOLE_CHARS + 1)):
        yield secret[at : at + WHOLE_CHARS]
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    yield quote(secret, safe="")


def letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Draw letters and digits as tokens have them."""
    while True:
        drawn = "".join(_DRAW.choices(alphabet, k=count))
        if any(map(str.isdigit, drawn)) and any(map(str.isalpha, drawn)):
            return drawn


def _hex(count: int) -> str:
    return letters(count, "0123456789abcdef")


def _one(name: str, before: str, secret: str, after: str = "") -> Canary:
    return Canary(name, f"{before}{secret}{after}", (secret,))


def _pair(name: str, before: str, user: str, between: str, password: str, after: str) -> Canary:
    return Canary(name, f"{before}{user}{between}{password}{after}", (password,))


def _encoded(name: str, before: str, user: str, password: str) -> Canary:
    """Write `user:password` as HTTP's basic authentication does."""
    both = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Canary(name, before + both, (both, password))


def _wrapped(name: str, before: str, secret: str, at: int) -> Canary:
    """Write a secret whose line was wrapped behind so many of its characters."""
    return Canary(name, f"{before}{secret[:at]}\n{secret[at:]} was refused", (secret[:at], secret[at:], secret))


def _split(name: str, before: str, secret: str, by: str) -> Canary:
    """Write a secret with something that is not seen in its middle."""
    half = len(secret) // 2
    return Canary(name, f"{before}{secret[:half]}{by}{secret[half:]}", (secret, secret[:half], secret[half:]))


def _key(kind: str) -> Canary:
    body = [letters(64, string.ascii_letters + string.digits + "+/") for _ in range(3)]
    text = "\n".join([f"-----BEGIN {kind} PRIVATE KEY-----", *body, f"-----END {kind} PRIVATE KEY-----"])
    return Canary(f"private-key-{kind.split()[0].lower()}", text, tuple(body))


def canaries() -> Sequence[Canary]:
    """Make them all; the same ones whenever this module is loaded anew."""
    token = letters(36)
    return (
        _one("github", "remote: Invalid token ", f"ghp_{letters(36)}"),
        _one("github-server", "using ", f"ghs_{letters(36)}", " for the clone"),
        _one("github-fine", "export GH_TOKEN=", f"github_pat_{letters(22)}_{letters(59)}"),
        _one("gitlab", "PRIVATE-TOKEN: ", f"glpat-{letters(20)}"),
        _one("slack", "posting with ", f"xoxb-{_DRAW.randrange(10**11, 10**12)}-{letters(24)}"),
        _one(
            "slack-hook",
            "curl -X POST https://hooks.slack.com/services/",
            f"T0{letters(9)}/B0{letters(9)}/{letters(24)}",
        ),
        _one("aws-id", "aws_access_key_id = ", f"AKIA{letters(16, string.ascii_uppercase + '234567')}"),
        _one("aws-secret", "AWS_SECRET_ACCESS_KEY=", letters(40)),
        _one("aws-session", "AWS_SESSION_TOKEN=", f"FwoGZXIvYXdzE{letters(60)}"),
        _one("google", "maps key ", f"AIza{letters(35)}"),
        _one("npm", "//registry.npmjs.xxx/:_authToken=", f"npm_{letters(36)}"),
        _one("pypi", "TWINE_PASSWORD=", f"pypi-AgEIcHlwaS5vcmc{letters(60)}"),
        _one("docker", "docker login -u bot -p ", f"dckr_pat_{letters(27)}"),
        _one("jenkins", "JENKINS_API_TOKEN=", f"11{_hex(32)}"),
        _one("jwt", "Authorization: Bearer ", f"eyJhbGciOiJIUzI1NiJ9.{letters(40)}.{letters(43)}"),
        _one("stripe", "STRIPE=", f"sk_live_{letters(24)}"),
        _one("sendgrid", "mail by ", f"SG.{letters(22)}.{letters(43)}"),
        _one("vault", "VAULT_TOKEN=", f"hvs.{letters(24)}"),
        _one("digitalocean", "doctl auth init -t ", f"dop_v1_{_hex(64)}"),
        _pair(
            "url", "fatal: unable to access 'https://", "bot", ":", letters(18), "@git.example.org/moby.git/': refused"
        ),
        _pair("url-of-a-database", "DATABASE_URL=postgres://", "ci", ":", letters(16), "@db.example.org/ci"),
        _pair("url-escaped", "redirect?to=https%3A%2F%2F", "bot", "%3A", letters(18), "%40git.example.org"),
        _one("url-token", "git clone https://", token, "@git.example.org/moby.git"),
        _one("redis", "redis://", f":{letters(20)}", "@cache.example.org:6379"),
        _encoded("basic", "> Authorization: Basic ", "deploy", letters(14)),
        _encoded("docker-config", '{"auths":{"https://index.docker.io/v1/":{"auth":"', "deploy", letters(14)),
        _encoded("base64-alone", "header is ", "deploy", letters(15)),
        _one("password", "password=", letters(12)),
        _one("password-json", '{"user": "bot", "password": "', letters(12), '"}'),
        _one("password-yaml", "  db_password: ", letters(12)),
        _one("password-xml", "<password>", letters(12), "</password>"),
        _one("password-quoted", "MYSQL_ROOT_PASSWORD='", letters(12), "'"),
        _one("env-dump", "ARTIFACTORY_PASSWORD=", letters(20)),
        _one("env-dump-key", "SIGNING_KEY=", letters(32)),
        _one("env-dump-credentials", "NEXUS_CREDENTIALS=", letters(24)),
        _one("netrc", "machine git.example.org login bot password ", letters(16)),
        _one("curl", "curl -fsS -u bot:", letters(16), " https://repo.example.org"),
        _one("option", "./deploy --token ", letters(20), " --now"),
        _one("cookie", "Set-Cookie: JSESSIONID=", letters(26), "; HttpOnly"),
        _one("signed-url", "GET https://bucket.example.org/x?X-Amz-Signature=", _hex(64), "&x=1"),
        _one("account-key", "DefaultEndpointsProtocol=https;AccountKey=", f"{letters(86)}=="),
        _wrapped("wrapped-github", "remote: Invalid token ", f"ghp_{letters(36)}", 18),
        _wrapped("wrapped-basic", "> Authorization: Basic ", base64.b64encode(letters(30).encode()).decode(), 20),
        _wrapped("wrapped-assigned", "export DEPLOY_TOKEN=", letters(40), 20),
        _split("ansi-github", "token ", f"ghp_{letters(36)}", "\x1b[0m\x1b[31m"),
        _split("ansi-password", "DB_PASSWORD=", letters(24), "\x1b[1m"),
        _split("zero-width", "API_TOKEN=", letters(24), "\u200b"),
        _key("RSA"),
        _key("OPENSSH"),
        _key("EC"),
    )


CANARIES = canaries()
MORE = tuple(replace(one, name=f"{one.name}-{round_}") for round_ in (2, 3, 4) for one in canaries())
TWO_HUNDRED = (*CANARIES, *MORE)
