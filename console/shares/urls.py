from django.urls import path

from console.shares import public_views, views

app_name = "shares"
urlpatterns = [
    path("shares/", views.shares, name="list"),
    path("shares/containers/<slug:host>/<str:name>/", views.container_log, name="container_log"),
    path("shares/jobs/<int:number>/", views.job_output, name="job_output"),
    path("shares/<int:share_id>/revoke/", views.revoke, name="revoke"),
    path("shared/<str:token>/", public_views.shared, name="shared"),
    path("shared/<str:token>/lines/", public_views.lines, name="lines"),
    path("shared/<str:token>/text/", public_views.text, name="text"),
]
