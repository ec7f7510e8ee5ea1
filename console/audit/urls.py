from django.urls import path

from console.audit import views

app_name = "audit"
urlpatterns = [
    path("audit/", views.entries, name="list"),
    path("audit/<int:seq>/", views.entry, name="entry"),
]
