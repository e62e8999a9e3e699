"""`gordon init`."""

import argparse


def init(given: argparse.Namespace) -> int:
    """Write a configuration to begin with."""
    raise NotImplementedError
