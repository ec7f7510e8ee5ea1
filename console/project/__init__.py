"""Wiring only: settings, urls, ASGI, Celery apps, and the launcher ``manage.py up``."""
