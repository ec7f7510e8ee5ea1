"""Stacks kept as their releases say: what is not well is found, and replaced by a fresh container (docs/adr/0024)."""
