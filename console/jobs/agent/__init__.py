"""The host's side of jobs: runs attempts, reports what happens. Knows Redis and its engine, and no database."""
