"""Machines with an engine, and the one way to talk to it."""
