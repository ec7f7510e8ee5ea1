"""Runs all parts of an instance in the foreground on one machine: what they are, and keeping them up."""
