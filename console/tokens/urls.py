from django.urls import path

from console.tokens import views

app_name = "tokens"
urlpatterns = [
    path("account/tokens/", views.tokens, name="own"),
    path("account/tokens/<int:token_pk>/revoke/", views.revoke, name="revoke"),
    path("people/<int:user_pk>/tokens/", views.of_person, name="of_person"),
    path("people/<int:user_pk>/tokens/<int:token_pk>/revoke/", views.revoke_of_person, name="revoke_of_person"),
]
