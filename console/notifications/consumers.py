"""Bells of the lists, and of everybody's own."""

from console.live.topics import Words, register, register_rows
from console.operations.actor import Actor
from console.operations.errors import Denied
from console.operations.permissions import Permission


def authorise_own(actor: Actor, _words: Words) -> None:
    """Anybody who is signed in: the bell says that some list changed, not whose."""
    if not actor.is_user:
        raise Denied("sign in first")


register(r"rows\.notes", authorise_own)
register_rows("rows.rules", Permission.NOTIFICATION_VIEW)
register_rows("rows.channels", Permission.NOTIFICATION_VIEW)
register_rows("rows.deliveries", Permission.NOTIFICATION_VIEW)
register_rows("rows.silences", Permission.NOTIFICATION_VIEW)
