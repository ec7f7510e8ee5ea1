from django.urls import path

from console.timeline import views

app_name = "timeline"
urlpatterns = [
    path("changes/", views.changes, name="list"),
    path("changes/markers", views.markers_of_those, name="markers_of_those"),
    path("containers/<slug:host>/<str:name>/history/", views.history, name="history"),
    path("containers/<slug:host>/<str:name>/crashes/<int:number>/", views.crash, name="crash"),
    path("containers/<slug:host>/<str:name>/logs/markers", views.markers, name="markers"),
]
