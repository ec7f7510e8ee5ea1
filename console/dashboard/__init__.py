"""The page one lands on: what is running, what broke, and the first thing to do."""
