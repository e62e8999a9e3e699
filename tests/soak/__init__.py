"""The long runs: what `make soak` plays, and how it is measured."""
