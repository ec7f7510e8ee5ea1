"""Containers on hosts: what runs, running, starting, stopping, removing."""
