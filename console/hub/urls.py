from django.urls import path

from console.hub import views

app_name = "hub"
urlpatterns = [
    path("hub/", views.registries, name="list"),
    path("hub/new/", views.new, name="new"),
    path("hub/<slug:slug>/<slug:name>/", views.registry, name="registry"),
    path("hub/<slug:slug>/<slug:name>/edit/", views.edit, name="edit"),
    path("hub/<slug:slug>/<slug:name>/check/", views.check, name="check"),
    path("hub/<slug:slug>/<slug:name>/remove/", views.remove, name="remove"),
    path("hub/<slug:slug>/<slug:name>/repositories/", views.repositories, name="repositories"),
    path("hub/<slug:slug>/<slug:name>/repository/", views.repository, name="repository"),
    path("hub/<slug:slug>/<slug:name>/tags/", views.tags, name="tags"),
    path("hub/<slug:slug>/<slug:name>/image/", views.image, name="image"),
]
