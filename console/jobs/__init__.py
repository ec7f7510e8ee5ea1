"""Work on hosts. The database row decides; Celery's messages only wake; the agent does each attempt at most once."""
