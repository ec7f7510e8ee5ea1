from django.urls import path

from console.containers import views

app_name = "containers"
urlpatterns = [
    path("containers/", views.containers, name="list"),
    path("containers/run/", views.run, name="run"),
    path("containers/<slug:host>/<str:name>/", views.overview, name="container"),
    path("containers/<slug:host>/<str:name>/logs/", views.logs, name="logs"),
    path("containers/<slug:host>/<str:name>/logs/lines", views.log_lines, name="log_lines"),
    path("containers/<slug:host>/<str:name>/logs/download", views.download, name="download"),
    path("containers/<slug:host>/<str:name>/workspace/", views.move, name="move"),
    path("containers/<slug:host>/<str:name>/start/", views.start, name="start"),
    path("containers/<slug:host>/<str:name>/stop/", views.stop, name="stop"),
    path("containers/<slug:host>/<str:name>/remove/", views.remove, name="remove"),
]
