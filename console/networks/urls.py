from django.urls import path

from console.networks import views

app_name = "networks"
urlpatterns = [
    path("networks/", views.networks, name="list"),
    path("networks/new/", views.new, name="new"),
    path("networks/topology/", views.topology, name="topology"),
    path("networks/prune/", views.prune, name="prune"),
    path("networks/<slug:host>/<str:name>/", views.network, name="network"),
    path("networks/<slug:host>/<str:name>/connect/", views.connect, name="connect"),
    path("networks/<slug:host>/<str:name>/disconnect/", views.disconnect, name="disconnect"),
    path("networks/<slug:host>/<str:name>/move/", views.move, name="move"),
    path("networks/<slug:host>/<str:name>/remove/", views.remove, name="remove"),
]
