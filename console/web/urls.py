from django.contrib.auth.decorators import login_not_required
from django.urls import path
from django.views.i18n import set_language

from console.web import views

app_name = "web"
urlpatterns = [
    path("palette/", views.palette, name="palette"),
    path("theme/", views.theme, name="theme"),
    path("language/", login_not_required(set_language), name="language"),
]
