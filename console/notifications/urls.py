from django.urls import path

from console.notifications import own_views, views

app_name = "notifications"
urlpatterns = [
    path("notifications/", own_views.notes, name="notes"),
    path("notifications/read/", own_views.read, name="read"),
    path("alerts/", views.rules, name="rules"),
    path("alerts/new/", views.new_rule, name="new_rule"),
    path("alerts/<int:rule_id>/", views.rule, name="rule"),
    path("alerts/<int:rule_id>/delete/", views.delete_rule, name="delete_rule"),
    path("alerts/channels/", views.channels, name="channels"),
    path("alerts/channels/new/", views.new_channel, name="new_channel"),
    path("alerts/channels/<int:channel_id>/", views.channel, name="channel"),
    path("alerts/channels/<int:channel_id>/test/", views.try_channel, name="try_channel"),
    path("alerts/channels/<int:channel_id>/delete/", views.delete_channel, name="delete_channel"),
    path("alerts/deliveries/", views.deliveries, name="deliveries"),
    path("alerts/deliveries/<int:delivery_id>/resend/", views.resend, name="resend"),
    path("alerts/silences/", views.silences, name="silences"),
    path("alerts/silences/new/", views.new_silence, name="new_silence"),
    path("alerts/silences/<int:silence_id>/end/", views.end_silence, name="end_silence"),
]
