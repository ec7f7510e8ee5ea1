from django.urls import path

from console.audit import views

app_name = "audit"
urlpatterns = [
    path("audit/", views.entries, name="list"),
    path("audit/integrity/", views.integrity_page, name="integrity"),
    path("audit/integrity/check/", views.check_now, name="check"),
    path("audit/export/<slug:form>/", views.export, name="export"),
    path("audit/<int:seq>/", views.entry, name="entry"),
]
