from django.urls import path

from console.capsules import views

app_name = "capsules"
LIST = "stacks/capsules"
ONE = f"{LIST}/<int:number>"
STACK = "stacks/<int:stack_id>"
urlpatterns = [
    path(f"{STACK}/environment/", views.environment, name="environment"),
    path(f"{STACK}/environment/fingerprint/", views.fingerprint, name="fingerprint"),
    path(f"{STACK}/environment/verify/", views.verify, name="verify"),
    path(f"{STACK}/environment/env.lock", views.lock, name="lock"),
    path(f"{STACK}/take-along/", views.take, name="take"),
    path(f"{LIST}/", views.capsules, name="list"),
    path(f"{LIST}/upload/", views.upload, name="upload"),
    path(f"{ONE}/restore/", views.restore, name="restore"),
    path(f"{ONE}/download/", views.download, name="download"),
    path(f"{ONE}/remove/", views.remove, name="remove"),
]
