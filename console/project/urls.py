"""Every address of the console. Each app's ``urls.py`` says the rest."""

from django.urls import URLPattern, URLResolver, include, path

from console.project.api import api

APPS = (
    "web",
    "dashboard",
    "accounts",
    "audit",
    "workspaces",
    "secrets",
    "jobs",
    "hub",
    "images",
    "networks",
    "volumes",
    # before stats: "new" is not the name of a host
    "hosts",
    # before containers: "stats/" is not the name of an action
    "stats",
    "files",
    "logs",
    "containers",
    "timeline",
    "terminals",
    "prune",
    "stacks",
    "origins",
    "blueprints",
    "capsules",
    "schedules",
    "shares",
    "access",
    "notifications",
    "metrics",
)

# urls of what api.addresses() names: a namespace, and no application
API = (api.addresses(), "api")

urlpatterns: list[URLPattern | URLResolver] = [
    *(path("", include(f"console.{app}.urls")) for app in APPS),
    path("", include("console.accounts.own_urls")),
    path("", include("console.accounts.provider_urls")),
    path("", include("console.tokens.urls")),
    path("api/v1/", include(API)),
]

handler400 = "console.web.errors.bad_request"
handler403 = "console.web.errors.forbidden"
handler404 = "console.web.errors.not_found"
handler500 = "console.web.errors.server_error"
