from django.urls import path

from console.logs import views

app_name = "logs"
urlpatterns = [
    path("logs/", views.merged, name="merged"),
    path("logs/search/", views.search, name="search"),
]
