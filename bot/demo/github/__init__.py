"""A GitHub that keeps state and speaks HTTP on loopback, for the demo and the tests."""
