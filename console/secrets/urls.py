from django.urls import path

from console.secrets import views

app_name = "secrets"
urlpatterns = [
    path("secrets/", views.secrets, name="list"),
    path("secrets/new/", views.new, name="new"),
    path("secrets/<slug:slug>/<str:name>/", views.secret, name="secret"),
    path("secrets/<slug:slug>/<str:name>/reveal/", views.reveal, name="reveal"),
    path("secrets/<slug:slug>/<str:name>/remove/", views.remove, name="remove"),
]
