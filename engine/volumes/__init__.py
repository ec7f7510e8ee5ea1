"""Volumes: what they are, where they lie, and who uses them."""
