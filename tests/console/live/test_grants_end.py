"""A page that is open under a grant ends with it."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from console.access.models import Grant
from console.access.operations import end_due_grants
from console.operations.governed import writes_allowed
from tests.console.live.socket import Closed, Socket

pytestmark = pytest.mark.django_db(transaction=True)


def let_it_be_due() -> None:
    with writes_allowed("test"):
        Grant.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert end_due_grants() == 1


async def test_a_socket_is_closed_when_the_grant_behind_it_is_due(viewer: Client) -> None:
    async with Socket(viewer) as socket:
        await socket.say(op="subscribe", topic="rows.containers")
        assert (await socket.hear())["kind"] == "changed"
        await sync_to_async(let_it_be_due)()
        with pytest.raises(Closed) as closed:
            await socket.hear()
    assert (closed.value.code, closed.value.reason) == (4403, "rows.containers")
