from django.urls import path

from console.terminals import views

app_name = "terminals"
urlpatterns = [
    path("containers/<slug:host>/<str:name>/terminal/", views.terminal, name="terminal"),
    path("containers/<slug:host>/<str:name>/terminal/open", views.open_one, name="open"),
    path("sessions/", views.sessions, name="list"),
    path("sessions/<int:number>/", views.session, name="session"),
    path("sessions/<int:number>/end/", views.end, name="end"),
    path("sessions/<int:number>/recording", views.recording, name="recording"),
    path("workspaces/<slug:slug>/terminals/", views.rules, name="rules"),
]
