"""Registries: where images come from and go to, who may use them, and what they hold."""
