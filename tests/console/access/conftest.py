from tests.console.access.world import world

__all__ = ["world"]
