"""Workspaces: who owns containers and images, and what may be asked of hosts on a workspace's behalf."""
