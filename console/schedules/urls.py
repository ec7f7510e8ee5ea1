from django.urls import path

from console.schedules import views

app_name = "schedules"
urlpatterns = [
    path("schedules/", views.schedules, name="list"),
    path("schedules/new/", views.new, name="new"),
    path("schedules/times/", views.times, name="times"),
    path("schedules/<int:schedule_id>/", views.schedule, name="schedule"),
    path("schedules/<int:schedule_id>/edit/", views.edit, name="edit"),
    path("schedules/<int:schedule_id>/pause/", views.pause, name="pause"),
    path("schedules/<int:schedule_id>/resume/", views.resume, name="resume"),
    path("schedules/<int:schedule_id>/run/", views.run, name="run"),
    path("schedules/<int:schedule_id>/delete/", views.delete, name="delete"),
]
