"""Two nouns of one app: images, and builds, which are jobs of one kind."""

from django.urls import include, path

from console.images import views

images = [
    path("", views.images, name="list"),
    path("<slug:host>/starter/", views.starter, name="starter"),
    path("<slug:host>/<str:engine_id>/", views.image, name="image"),
    path("<slug:host>/<str:engine_id>/share/", views.share, name="share"),
    path("<slug:host>/<str:engine_id>/remove/", views.remove, name="remove"),
]
builds = [
    path("", views.builds, name="list"),
    path("new/", views.new_build, name="new"),
    path("<int:number>/", views.build, name="build"),
]
urlpatterns = [
    path("images/", include((images, "images"))),
    path("builds/", include((builds, "builds"))),
]
