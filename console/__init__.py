"""The web console: people, permissions, jobs, audit and live views over container engines."""
