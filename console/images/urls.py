"""Two nouns of one app: images, and builds, which are jobs of one kind."""

from django.urls import include, path

from console.images import build_views, views

images = [
    path("", views.images, name="list"),
    path("pull/", views.pull, name="pull"),
    path("load/", views.load, name="load"),
    path("<slug:host>/starter/", build_views.starter, name="starter"),
    path("<slug:host>/<str:engine_id>/", views.image, name="image"),
    path("<slug:host>/<str:engine_id>/tag/", views.tag, name="tag"),
    path("<slug:host>/<str:engine_id>/untag/", views.untag, name="untag"),
    path("<slug:host>/<str:engine_id>/push/", views.push, name="push"),
    path("<slug:host>/<str:engine_id>/copy/", views.copy, name="copy"),
    path("<slug:host>/<str:engine_id>/download", views.download, name="download"),
    path("<slug:host>/<str:engine_id>/share/", views.share, name="share"),
    path("<slug:host>/<str:engine_id>/remove/", views.remove, name="remove"),
]
builds = [
    path("", build_views.builds, name="list"),
    path("new/", build_views.new_build, name="new"),
    path("<int:number>/", build_views.build, name="build"),
]
urlpatterns = [
    path("images/", include((images, "images"))),
    path("builds/", include((builds, "builds"))),
]
