"""Two nouns of one app: what a container uses, and hosts."""

from django.urls import include, path

from console.stats import host_views, views

of_containers = [
    path("", views.container_stats, name="container"),
    path("history", views.history, name="history"),
    path("samples", views.samples, name="samples"),
]
hosts = [
    path("", host_views.hosts, name="list"),
    path("<slug:host>/", host_views.host, name="host"),
    path("<slug:host>/history", host_views.history, name="history"),
]
urlpatterns = [
    path("containers/<slug:host>/<str:name>/stats/", include((of_containers, "stats"))),
    path("hosts/", include((hosts, "hosts"))),
]
