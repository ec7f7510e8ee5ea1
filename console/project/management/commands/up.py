"""``manage.py up``: the whole of Naru in the foreground on one machine."""

import asyncio
import contextlib
import os
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from console.accounts.operations import first_invitation
from console.project.launcher.parts import Places, parts_of
from console.project.launcher.supervisor import PartFailed, Supervisor, banner


class Command(BaseCommand):
    help = "Start Redis, the engine, the web server, the workers and the scheduler; Ctrl-C stops them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="do not show what the parts print (logs/ keeps it)")

    def handle(self, *_args: Any, **options: Any) -> None:
        places = Places(
            data=Path(settings.NARU_DATA),
            run=Path(settings.NARU_RUN),
            http=settings.NARU_HTTP,
            redis_url=os.environ.get("REDIS_URL", ""),
            host_name=settings.NARU_HOST_NAME,
        )
        for folder in (places.data, places.data / "redis", places.data / "logs", places.run, places.run / "alive"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.environ.update(places.environ())
        call_command("migrate", verbosity=0, interactive=False)
        try:
            asyncio.run(_run(places, show=not options["quiet"]))
        except PartFailed as error:
            raise CommandError(str(error)) from error


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
    lines = [f"Naru is at  {places.url}/", f"docker CLI  export DOCKER_HOST=unix://{places.engine_socket}"]
    if path := first_invitation():
        lines += ["", "Nobody can sign in yet. This link, good once, makes the administrator:", f"{places.url}{path}"]
    return lines
