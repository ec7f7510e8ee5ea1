"""Containers' lives: created, started, attached to, logged, stopped, removed, and found again after a restart."""
