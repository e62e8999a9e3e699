"""The embedded world: neighbours that speak their real protocols on loopback, for the demo and the tests."""
