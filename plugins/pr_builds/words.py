"""How it is said that somebody has to look at what an outsider has pushed."""

from collections.abc import Mapping, Sequence

from bot.values import Pull, Trust
from bot.wording import branch, listed, name, plain, quoted

MAX_TITLE_BYTES = 60
MAX_FILES, MAX_FILE_BYTES = 3, 60


def asking(pull: Pull, trust: Trust) -> str:
    """Say that an outsider's commit waits, and what to look at and to say."""
    return f"{waiting(pull, trust)}; look at {pull.url}/files, then say ok to test {pull.ref}"


def waiting(pull: Pull, trust: Trust) -> str:
    """Say that an outsider's commit waits."""
    title, author = quoted(pull.title, MAX_TITLE_BYTES), name(pull.author)
    return (
        f"{pull.ref.short} {title} by {author} waits for ok to test at {pull.head:.12} on {branch(pull.base)}"
        f"{warning(trust.ci_files)}"
    )


def warning(ci_files: Sequence[str]) -> str:
    """Point out the changed files that decide what CI itself does; empty without any."""
    if not ci_files:
        return ""
    named = [name(path, MAX_FILE_BYTES) for path in ci_files]
    return f"; it changes what CI itself does: {listed(named, MAX_FILES)}"


def agreed(pull: Pull, trust: Trust, contexts: Sequence[str]) -> str:
    """Say what would be done by saying ok, in words that follow "this would"."""
    built = f"be built: {', '.join(contexts)}" if contexts else "be built whenever somebody asks"
    return (
        f"let {pull.head:.12} of {pull.ref.short} (base {branch(pull.base)}, by {name(pull.author)}) {built}"
        f"{warning(trust.ci_files)}"
    )


def is_ok(pull: Pull, told: Mapping[str, str]) -> str:
    """Say that a commit is ok to test, and what comes of it."""
    by_words: dict[str, list[str]] = {}
    for context, words in told.items():
        by_words.setdefault(words, []).append(context)
    came = "; ".join(f"{', '.join(contexts)}: {plain(words)}" for words, contexts in by_words.items())
    return f"{pull.ref.short} at {pull.head:.7} is ok to test" + (f"; {came}" if came else "")
