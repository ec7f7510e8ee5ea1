"""Looking after hosts. The list and a host's own page are console.stats's."""

from django.urls import path

from console.hosts import views

app_name = "machines"
urlpatterns = [
    path("hosts/new/", views.new, name="new"),
    path("hosts/<slug:host>/settings/", views.settings, name="settings"),
    path("hosts/<slug:host>/awaited/", views.awaited, name="awaited"),
    path("hosts/<slug:host>/key/renew/", views.renew, name="renew"),
    path("hosts/<slug:host>/key/revoke/", views.revoke, name="revoke"),
    path("hosts/<slug:host>/rename/", views.rename, name="rename"),
    path("hosts/<slug:host>/remove/", views.remove, name="remove"),
]
