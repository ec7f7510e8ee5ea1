from django.urls import path

from console.blueprints import views

app_name = "blueprints"
urlpatterns = [
    path("stacks/templates/own/new/", views.new, name="new"),
    path("stacks/templates/own/<int:blueprint_id>/", views.use, name="use"),
    path("stacks/templates/own/<int:blueprint_id>/edit/", views.edit, name="edit"),
    path("stacks/templates/own/<int:blueprint_id>/delete/", views.delete, name="delete"),
    path("stacks/<int:stack_id>/template/", views.from_stack, name="from_stack"),
]
