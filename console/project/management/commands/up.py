"""``manage.py up``: the whole of Naru in the foreground on one machine."""

import asyncio
import contextlib
import os
import signal
import sys
from argparse import ArgumentParser
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from console.accounts.operations import create_invitation
from console.accounts.queries import has_people
from console.hosts.observations import register_host
from console.operations.actor import Actor
from console.operations.permissions import Role
from console.project.environment import Environment
from console.project.keys import ensure_secret_key, hand_out_host_key
from console.project.launcher.parts import Places, parts_of
from console.project.launcher.supervisor import PartFailed, Supervisor, banner


class Command(BaseCommand):
    help = "Start Redis, the engine, the web server, the workers and the scheduler; Ctrl-C stops them."
    requires_system_checks = ()  # the key that checks ask for may not exist yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="do not show what the parts print (logs/ keeps it)")

    def handle(self, *_args: Any, **options: Any) -> None:
        environment: Environment = settings.ENVIRONMENT
        places = Places(
            data=environment.data,
            run=environment.run,
            http=environment.http,
            redis_url=os.environ.get("REDIS_URL", ""),
            host_name=environment.host_name,
            engine=environment.engine,
            trusts_proxy=environment.https,
            url=environment.url,
        )
        _prepare(environment, places)
        try:
            asyncio.run(_run(places, show=not options["quiet"]))
        except PartFailed as error:
            raise CommandError(str(error)) from error


def _prepare(environment: Environment, places: Places) -> None:
    """What the parts need to find: directories, keys, an up-to-date database that knows this machine."""
    for folder in (places.data, places.data / "redis", places.data / "logs", places.run, places.run / "alive"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # the runtime passes through here as a container's root, whom the host does not know; what lies in it is closed
    places.run.chmod(0o711)
    settings.SECRET_KEY = ensure_secret_key(environment.secret_key_path)
    hand_out_host_key(environment, settings.SECRET_KEY)
    call_command("migrate", verbosity=0, interactive=False)
    register_host(environment.host_name, environment.engine)


async def _run(places: Places, *, show: bool) -> None:
    def say(part: str, text: str) -> None:
        if show:
            sys.stdout.write(f"{part:>7} │ {text}\n")
            sys.stdout.flush()

    supervisor = Supervisor(environ=places.environ(), log_dir=places.data / "logs", say=say)
    work = asyncio.current_task()
    assert work
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, work.cancel)
    try:
        for part in parts_of(places):
            await supervisor.start(part)
        sys.stdout.write(banner(await sync_to_async(_welcome)(places)) + "\n")
        sys.stdout.flush()
        await supervisor.watch()
    except asyncio.CancelledError:
        sys.stdout.write("naru: stopping; containers keep running\n")
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await supervisor.stop()


def _welcome(places: Places) -> list[str]:
    lines = [f"Naru is at  {places.url}/", f"docker CLI  export DOCKER_HOST={places.engine}"]
    if not has_people():
        issued = create_invitation(Actor.system("first start"), Role.ADMIN)
        lines += [
            "",
            "Nobody can sign in yet. This link, good once, makes the administrator:",
            places.url + issued.path,
        ]
    return lines
