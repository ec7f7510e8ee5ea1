"""Telling people what happened: events, rules, channels, deliveries, silences, and everybody's own list."""
