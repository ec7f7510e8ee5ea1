"""Wiring only: settings, urls, ASGI, Celery, and the launcher. Nothing imports it."""
