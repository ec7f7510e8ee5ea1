"""HTTP to Django, websockets of our own pages to the live consumer."""

import os
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.project.settings")

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured
from django.urls import path

try:
    settings.SECRET_KEY  # noqa: B018 - Django looks at it when it is first asked for
except ImproperlyConfigured as error:
    raise ImproperlyConfigured(f"no key in {settings.ENVIRONMENT.secret_key_path}: `manage.py up` makes it") from error

# before the consumer is imported: it loads the apps
http = get_asgi_application()

from console.live.consumers import LiveConsumer

# channels routes with Django's path(), whose types know views only
route: Any = path("live/", cast("Any", LiveConsumer.as_asgi()))

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter([route]))),
    }
)
