from django.urls import path

from console.origins import public_views, views

app_name = "origins"
urlpatterns = [
    path("stacks/git/", views.new, name="new"),
    path("stacks/<int:stack_id>/git/", views.repository, name="repository"),
    path("stacks/<int:stack_id>/git/fetch/", views.fetch, name="fetch"),
    path("stacks/<int:stack_id>/git/hook/", views.hook, name="hook"),
    path("stacks/<int:stack_id>/git/hook/remove/", views.unhook, name="unhook"),
    path("stacks/<int:stack_id>/git/detach/", views.detach, name="detach"),
    path("hooks/stacks/<int:stack_id>/", public_views.hook, name="ring"),
]
