"""What changed: of each container, host and workspace, in the order of its happening; and what was left of crashes."""
