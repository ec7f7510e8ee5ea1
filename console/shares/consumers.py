from console.live.topics import Words, register
from console.operations.actor import Actor
from console.operations.errors import Denied


def authorise(actor: Actor, _words: Words) -> None:
    """Everybody who is signed in has a list of their own."""
    if not actor.is_user:
        raise Denied("sign in first")


register(r"rows\.shares", authorise)
