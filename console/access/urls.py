"""Three nouns of one app: teams, roles, grants."""

from django.urls import include, path

from console.access import views

teams = [
    path("", views.teams, name="list"),
    path("new/", views.new_team, name="new"),
    path("<slug:slug>/", views.team, name="team"),
    path("<slug:slug>/add/", views.add, name="add"),
    path("<slug:slug>/remove/<int:user_pk>/", views.remove, name="remove"),
    path("<slug:slug>/delete/", views.drop_team, name="delete"),
]
roles = [
    path("", views.roles, name="list"),
    path("new/", views.new_role, name="new"),
    path("<slug:slug>/", views.role, name="role"),
    path("<slug:slug>/delete/", views.drop_role, name="delete"),
]
grants = [
    path("", views.grants, name="list"),
    path("new/", views.new_grant, name="new"),
    path("why/", views.why, name="why"),
    path("<int:grant_id>/revoke/", views.revoke, name="revoke"),
]
urlpatterns = [
    path("teams/", include((teams, "teams"))),
    path("roles/", include((roles, "roles"))),
    path("grants/", include((grants, "grants"))),
]
