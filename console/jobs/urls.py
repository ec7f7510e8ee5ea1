from django.urls import path

from console.jobs import views

app_name = "jobs"
urlpatterns = [
    path("jobs/", views.jobs, name="list"),
    path("jobs/tray/", views.tray, name="tray"),
    path("jobs/<int:number>/", views.job, name="job"),
    path("jobs/<int:number>/output", views.output, name="output"),
    path("jobs/<int:number>/output.txt", views.download, name="download"),
    path("jobs/<int:number>/cancel/", views.cancel, name="cancel"),
    path("jobs/<int:number>/retry/", views.retry, name="retry"),
    path("jobs/<int:number>/pin/", views.pin, name="pin"),
    path("jobs/<int:number>/unpin/", views.unpin, name="unpin"),
    path("jobs/<int:number>/proof/", views.proof, name="proof"),
    path("workspaces/<slug:slug>/jobs/", views.rules, name="rules"),
]
