from django.urls import path

from console.stacks import adopting_views, restoring_views, service_views, template_views, views

app_name = "stacks"
urlpatterns = [
    path("stacks/", views.stacks, name="list"),
    path("stacks/new/", views.new, name="new"),
    path("stacks/templates/", template_views.templates, name="templates"),
    path("stacks/templates/<slug:slug>/", template_views.template, name="template"),
    path("stacks/adopt/", adopting_views.projects, name="adoptable"),
    path("stacks/adopt/<slug:host>/<str:project>/", adopting_views.adopt, name="adopt"),
    path("stacks/<int:stack_id>/", views.stack, name="stack"),
    path("stacks/<int:stack_id>/edit/", views.edit, name="edit"),
    path("stacks/<int:stack_id>/plan/", views.plan, name="plan"),
    path("stacks/<int:stack_id>/deploy/", views.deploy, name="deploy"),
    path("stacks/<int:stack_id>/restoring/", restoring_views.restoring, name="restoring"),
    path("stacks/<int:stack_id>/restore/", restoring_views.restore, name="restore"),
    path("stacks/<int:stack_id>/scale/", service_views.scale, name="scale"),
    path("stacks/<int:stack_id>/services/<str:name>/", service_views.service, name="service"),
    path("stacks/<int:stack_id>/remove/", views.remove, name="remove"),
]
