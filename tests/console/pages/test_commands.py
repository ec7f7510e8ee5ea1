"""Pages that do something show how a terminal would do it."""

import html

import pytest

from console.containers.cli import container_commands, many_commands
from console.operations.permissions import Role
from tests.console.pages.conftest import SignedIn
from tests.console.stacks.conftest import make_stack
from tests.factories.console import make_container, make_host, make_image
from tests.factories.wires import make_backup, make_network, make_volume

PAGES = [
    ("/containers/local/web-1/", "docker restart web-1\ndocker pause web-1"),
    ("/containers/local/web-1/logs/", "docker logs --follow --timestamps web-1"),
    ("/containers/many/?action=stop&picked=local/web-1&picked=local/web-2", "# local\ndocker stop web-1 web-2"),
    ("/images/local/{image}/", "docker push app:1"),
    ("/images/pull/?reference=r.example/a:1", "docker pull r.example/a:1"),
    ("/builds/new/", "docker build --tag NAME:TAG"),
    ("/networks/new/", "docker network create"),
    ("/networks/local/main_front/", "docker network disconnect main_front CONTAINER"),
    ("/networks/prune/", "docker network rm main_front"),
    ("/volumes/new/", "docker volume create"),
    ("/volumes/prune/", "docker volume rm main_data"),
    ("/volumes/local/main_data/remove/", "docker volume rm main_data"),
    ("/backups/{backup}/restore/", "tar -C /to -x < main_data.tar"),
    ("/stacks/new/", "docker compose --project-name NAME"),
    ("/stacks/{stack}/", "docker compose --project-name main_shop --file compose.yaml down"),
    ("/stacks/{stack}/edit/", "docker compose --project-name main_shop --file compose.yaml up --dry-run"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("address", "command"), PAGES)
def test_pages_show_the_command_that_does_what_they_do(signed_in: SignedIn, address: str, command: str) -> None:
    make_host("local")
    make_container("web-1")
    make_container("web-2")
    image, backup, stack = make_image("app:1"), make_backup(make_volume().name), make_stack()
    make_network()
    address = address.format(image=image.engine_id[:12], backup=backup.pk, stack=stack.pk)
    page = html.unescape(signed_in(Role.ADMIN).get(address).content.decode())
    assert command in page.split('id="cli-text"')[1].split("</pre>")[0]


@pytest.mark.django_db
def test_a_container_is_offered_what_can_be_done_to_it() -> None:
    acts = {state: container_commands(make_container("c", state=state)) for state in ("running", "paused", "exited")}
    assert "docker unpause c" in acts["paused"]
    assert "docker start c\ndocker rm c" in acts["exited"]
    assert "docker start" not in acts["running"]
    assert many_commands("remove", [make_container("a b")]).endswith("docker rm --force --volumes 'a b'")
