from django.urls import path

from console.prune import views

app_name = "prune"
urlpatterns = [
    path("prune/", views.hosts, name="hosts"),
    path("prune/<slug:host>/", views.host, name="host"),
    path("prune/<slug:host>/<str:engine_id>/restore/", views.restore, name="restore"),
    path("prune/<slug:host>/<str:engine_id>/remove/", views.remove, name="remove"),
]
