"""Secrets: values that a workspace owns, encrypted, and referred to by name wherever they are used (docs/adr/0013)."""
