"""The one way out: every HTTP request that the console makes to an address which somebody typed (docs/adr/0012)."""
