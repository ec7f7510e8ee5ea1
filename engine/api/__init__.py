"""Docker's HTTP API on a unix socket: each handler parses, makes one call, and encodes. Nothing is decided here.

``endpoints`` has the table of all routes, ``errors`` the map from error to status, ``hijack`` the part that needs
aiohttp's insides.
"""
