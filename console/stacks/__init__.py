"""Stacks: services that belong together, written in the Compose language, planned and then put on a host."""
