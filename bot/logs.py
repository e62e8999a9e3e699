"""What is logged, and how it looks: the same for `gordon run` and `gordon demo`."""

import logging

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
TALKATIVE = ("aiohttp", "alembic", "github", "irc", "urllib3")  # their INFO is of no use to who operates Gordon


def log_to(handler: logging.Handler, level: str) -> None:
    """Send what the program logs to a handler, from this level on."""
    handler.setFormatter(logging.Formatter(FORMAT))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
