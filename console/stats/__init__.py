"""What containers and hosts use: sampled by agents, kept in ring files, shown as charts, live and of the last day."""
