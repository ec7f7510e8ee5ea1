"""Stacks to begin with: Compose files whose variables a form asks for. Nothing is fetched to offer them."""
