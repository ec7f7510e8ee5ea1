"""The page of what a stack has that is not as it should be, and of what is done about that."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.stacks.forms import RestoringForm
from console.stacks.queries import get_stack
from console.stacks.reconciling.operations import restore_now, set_restores
from console.stacks.reconciling.shown import summary_of
from console.stacks.reconciling.words import told
from console.web.permits import require
from console.web.rendering import go_to, page_or_part

SHOWN = 50


@require_http_methods(["GET", "HEAD", "POST"])
def restoring(request: HttpRequest, stack_id: int) -> HttpResponse:
    """By POST what is to be replaced by itself."""
    actor = require(request, Permission.STACK_VIEW)
    stack = get_stack(actor, stack_id)
    form = RestoringForm(request.POST or None, initial={"restores": stack.restores})
    if request.method == "POST":
        form = RestoringForm(request.POST)
        if form.is_valid():
            set_restores(actor, stack.pk, restores=form.cleaned_data["restores"])
            messages.success(request, _("Kept."))
            return redirect("stacks:restoring", stack.pk)
    past = [(one, told(one)) for one in stack.restorations.select_related("job")[:SHOWN]]
    context = {"stack": stack, "form": form, "restoring": summary_of(stack), "past": past}
    return page_or_part(request, "stacks/restoring.html", "stacks/_restoring_facts.html", context)


@require_POST
def restore(request: HttpRequest, stack_id: int) -> HttpResponse:
    """All that is not as it should be."""
    job = restore_now(Actor.of_request(request), stack_id)
    return go_to(request, reverse("jobs:job", args=[job.number]))
