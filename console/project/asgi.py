"""HTTP to Django, websockets of our own pages to their consumers, the process's end to what lives in it."""

import os
from collections.abc import Awaitable, Callable
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.project.settings")

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured
from django.urls import path, re_path

try:
    settings.SECRET_KEY  # noqa: B018 - Django looks at it when it is first asked for
except ImproperlyConfigured as error:
    raise ImproperlyConfigured(f"no key in {settings.ENVIRONMENT.secret_key_path}: `manage.py up` makes it") from error

# before the consumer is imported: it loads the apps
http = get_asgi_application()

from console.hosts.consumers import tunnel
from console.live.consumers import LiveConsumer
from console.terminals.consumers import TerminalConsumer
from console.terminals.hub import close_hub

# channels routes with Django's path(), whose types know views only
sockets: list[Any] = [
    path("live/", cast("Any", LiveConsumer.as_asgi())),
    path("ws/terminal/<str:key>", cast("Any", TerminalConsumer.as_asgi())),
]

# no browser comes here, and no cookie counts: it wants a host's key in a header
agents: list[Any] = [path("agent/tunnel/", cast("Any", tunnel))]
browsers = AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(sockets)))


async def lifespan(
    _scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The server asks when it starts and before it ends (asgi.readthedocs.io, "Lifespan protocol")."""
    while True:
        asked = (await receive())["type"]
        if asked == "lifespan.shutdown":
            await close_hub()
        await send({"type": f"{asked}.complete"})
        if asked == "lifespan.shutdown":
            return


application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": URLRouter([*agents, re_path("", cast("Any", browsers))]),
        "lifespan": lifespan,
    }
)
