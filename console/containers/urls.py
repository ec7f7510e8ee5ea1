from django.urls import path

from console.containers import detail_views, views

app_name = "containers"
urlpatterns = [
    path("containers/", views.containers, name="list"),
    path("containers/run/", views.run, name="run"),
    path("containers/<slug:host>/<str:name>/", views.overview, name="container"),
    path("containers/<slug:host>/<str:name>/logs/", views.logs, name="logs"),
    path("containers/<slug:host>/<str:name>/logs/lines", views.log_lines, name="log_lines"),
    path("containers/<slug:host>/<str:name>/logs/download", views.download, name="download"),
    path("containers/<slug:host>/<str:name>/health/", detail_views.health, name="health"),
    path("containers/<slug:host>/<str:name>/config/", detail_views.config, name="config"),
    path("containers/<slug:host>/<str:name>/network/", detail_views.network, name="network"),
    path("containers/<slug:host>/<str:name>/storage/", detail_views.storage, name="storage"),
    path("containers/<slug:host>/<str:name>/inspect/", detail_views.inspect, name="inspect"),
    path("containers/<slug:host>/<str:name>/inspect/download", detail_views.inspect_download, name="inspect_download"),
    path("containers/<slug:host>/<str:name>/workspace/", views.move, name="move"),
    path("containers/<slug:host>/<str:name>/start/", views.start, name="start"),
    path("containers/<slug:host>/<str:name>/stop/", views.stop, name="stop"),
    path("containers/<slug:host>/<str:name>/remove/", views.remove, name="remove"),
]
