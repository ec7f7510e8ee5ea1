from django.urls import path

from console.containers import detail_views, form_views, views

app_name = "containers"
urlpatterns = [
    path("containers/", views.containers, name="list"),
    path("containers/run/", form_views.run, name="run"),
    path("containers/run/preview/", form_views.preview, name="preview"),
    path("containers/many/", views.many, name="many"),
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
    path("containers/<slug:host>/<str:name>/restart/", views.restart, name="restart"),
    path("containers/<slug:host>/<str:name>/pause/", views.pause, name="pause"),
    path("containers/<slug:host>/<str:name>/unpause/", views.unpause, name="unpause"),
    path("containers/<slug:host>/<str:name>/kill/", views.kill, name="kill"),
    path("containers/<slug:host>/<str:name>/rename/", views.rename, name="rename"),
    path("containers/<slug:host>/<str:name>/remove/", views.remove, name="remove"),
    path("containers/<slug:host>/<str:name>/edit/", form_views.edit, name="edit"),
    path("containers/<slug:host>/<str:name>/limits/", form_views.limits, name="limits"),
    path("containers/<slug:host>/<str:name>/clone/", form_views.clone, name="clone"),
    path("containers/<slug:host>/<str:name>/revisions/", form_views.revisions, name="revisions"),
]
