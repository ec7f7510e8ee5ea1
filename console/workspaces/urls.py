from django.urls import path

from console.workspaces import views

app_name = "workspaces"
urlpatterns = [
    path("workspaces/", views.workspaces, name="list"),
    path("workspaces/new/", views.new, name="new"),
    path("workspaces/<slug:slug>/", views.workspace, name="workspace"),
    path("workspaces/<slug:slug>/delete/", views.delete, name="delete"),
    path("workspaces/<slug:slug>/policy/", views.rules, name="policy"),
]
