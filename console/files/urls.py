from django.urls import path

from console.files import views

app_name = "files"
AT = "containers/<slug:host>/<str:name>/files/"
urlpatterns = [
    path(AT, views.browse, name="browse"),
    path(f"{AT}view/", views.view, name="view"),
    path(f"{AT}download/", views.download, name="download"),
    path(f"{AT}upload/", views.upload, name="upload"),
    path(f"{AT}new-directory/", views.new_directory, name="new_directory"),
    path(f"{AT}move/", views.move, name="move"),
    path(f"{AT}remove/", views.remove, name="remove"),
    path(f"{AT}changes/", views.changes, name="changes"),
    path(f"{AT}changes/compare/", views.compare, name="compare"),
    path(f"{AT}changes/noise/", views.noise, name="noise"),
    path(f"{AT}freeze/", views.freeze, name="freeze"),
    path(f"{AT}reset/", views.reset, name="reset"),
]
