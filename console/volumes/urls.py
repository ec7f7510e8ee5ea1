from django.urls import include, path

from console.volumes import backup_views, views

volumes = [
    path("", views.volumes, name="list"),
    path("new/", views.new, name="new"),
    path("prune/", views.prune, name="prune"),
    path("measure/<slug:host>/", views.measure, name="measure"),
    path("<slug:host>/<str:name>/", views.volume, name="volume"),
    path("<slug:host>/<str:name>/files/", views.files, name="files"),
    path("<slug:host>/<str:name>/back-up/", views.back_up, name="back_up"),
    path("<slug:host>/<str:name>/clone/", views.clone, name="clone"),
    path("<slug:host>/<str:name>/move/", views.move, name="move"),
    path("<slug:host>/<str:name>/remove/", views.remove, name="remove"),
]
backups = [
    path("", backup_views.backups, name="list"),
    path("<int:number>/download/", backup_views.download, name="download"),
    path("<int:number>/restore/", backup_views.restore, name="restore"),
    path("<int:number>/remove/", backup_views.remove, name="remove"),
]
urlpatterns = [
    path("volumes/", include((volumes, "volumes"))),
    path("backups/", include((backups, "backups"))),
]
