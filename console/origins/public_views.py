"""The bell that a forge rings after a push. What it sends is weighed by its signature and not read."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from console.operations.errors import Missing
from console.origins.operations import ring

MOST_BYTES = 1 << 20


# no browser comes here with anybody's session: the signature is the proof
@csrf_exempt
@login_not_required
@never_cache
@require_POST
def hook(request: HttpRequest, stack_id: int) -> HttpResponse:
    body = request.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        return JsonResponse({"error": "a hook's request has at most 1 MiB"}, status=413)
    try:
        ring(stack_id, body=body, headers=request.headers, address=str(request.META.get("REMOTE_ADDR") or ""))
    except Missing as error:
        return JsonResponse({"error": str(error)}, status=error.status)
    return JsonResponse({"looks": True}, status=202)
