"""Your account. A namespace of its own, since these pages belong to no section of the sidebar."""

from django.urls import path

from console.accounts import factor_views, own_views, settings_views

app_name = "account"
urlpatterns = [
    path("account/", own_views.account, name="home"),
    path("account/settings/", settings_views.settings, name="settings"),
    path("account/theme/", settings_views.theme, name="theme"),
    path("account/language/", settings_views.language, name="language"),
    path("account/columns/", settings_views.columns, name="columns"),
    path("account/password/", own_views.password, name="password"),
    path("account/app/", factor_views.totp, name="totp"),
    path("account/passkeys/new/", factor_views.passkey, name="passkey"),
    path("account/recovery-codes/", factor_views.recovery_codes, name="recovery_codes"),
    path("account/factors/<int:factor_pk>/remove/", factor_views.remove, name="remove_factor"),
    path("account/identities/<int:identity_pk>/unlink/", own_views.unlink, name="unlink"),
    path("account/sessions/<int:session_pk>/end/", own_views.end_session, name="end_session"),
    path("account/sessions/end-others/", own_views.end_other_sessions, name="end_other_sessions"),
]
