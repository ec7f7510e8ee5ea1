from tests.console.access.world import made_world, world

__all__ = ["made_world", "world"]
