"""Links for others: one container's log or one job's output, to read, for a while."""
