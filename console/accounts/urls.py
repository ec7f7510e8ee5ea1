from django.urls import path

from console.accounts import confirm_views, factor_views, views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-in/passkey/", views.sign_in_by_passkey, name="sign_in_by_passkey"),
    path("sign-in/second-factor/", views.second_factor, name="second_factor"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("invitations/<str:token>/", views.invitation, name="invitation"),
    path("resets/<str:token>/", views.reset, name="reset"),
    path("confirm/", confirm_views.confirm, name="confirm"),
    path("passkeys/create/", factor_views.creation_options, name="creation_options"),
    path("passkeys/get/", factor_views.request_options, name="request_options"),
    path("people/", views.people, name="people"),
    path("people/invite/", views.invite, name="invite"),
    path("people/<int:user_pk>/role/", views.role, name="role"),
    path("people/<int:user_pk>/active/", views.active, name="active"),
    path("people/<int:user_pk>/help/", views.help_back_in, name="help_back_in"),
]
