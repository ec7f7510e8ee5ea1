"""Where providers lead back to. allauth looks these names up, so they are in no namespace."""

from django.urls import path

from console.accounts import provider_views

urlpatterns = [
    path("sign-in/with/<str:provider_id>/", provider_views.leave, name="openid_connect_login"),
    path("sign-in/with/<str:provider_id>/callback/", provider_views.callback, name="openid_connect_callback"),
]
