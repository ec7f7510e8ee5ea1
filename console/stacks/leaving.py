"""Stacks hold their host; when it is removed all the same, they are gone with it."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from console.hosts.leaving import holds_hosts, leaves_with_hosts
from console.hosts.models import Host
from console.operations.runner import publish_on_commit
from console.stacks.models import Stack


@holds_hosts
def stacks_there(host: Host) -> Sequence[str]:
    there = Stack.objects.filter(host=host, is_gone=False).order_by("name")
    return [_("stack %(name)s") % {"name": stack.name} for stack in there]


@leaves_with_hosts
def stacks_leave(host: Host) -> None:
    Stack.objects.filter(host=host, is_gone=False).update(is_gone=True)
    publish_on_commit("rows.stacks")
