"""Where things go that a host reports and nobody asked for here."""

from console.operations.governed import require_writer
from console.workspaces.models import FIRST_SLUG, Workspace
from console.workspaces.rules import Rules


def first_workspace() -> Workspace:
    """The oldest workspace; made when there is none. Within an observation or an operation."""
    require_writer("a workspace")
    found = Workspace.objects.order_by("pk").first()
    return found or Workspace.objects.create(slug=FIRST_SLUG, rules_json=first_rules())


def first_rules() -> dict[str, object]:
    """The first workspace is that of a machine with one team: ports on all addresses, as they were before."""
    return Rules(addresses=("0.0.0.0/0", "::/0")).as_json()


def workspace_by_prefix(name: str) -> Workspace | None:
    """Whose a network or a volume is by its name: "<workspace>_" begins the names of that workspace's own."""
    slug, underscore, _rest = name.partition("_")
    # no slug has an underscore
    return Workspace.objects.filter(slug=slug).first() if underscore else None
