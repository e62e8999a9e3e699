"""Gordon, a chat-ops bot for the maintainers of large projects."""

__version__ = "0.1.0"
