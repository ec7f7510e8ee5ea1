"""``manage.py up``: the whole of Naru in the foreground on one machine, or a part of it."""

import asyncio
import contextlib
import os
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from console.accounts.operations import create_invitation
from console.accounts.queries import has_people
from console.hosts.observations import register_host
from console.operations.actor import Actor
from console.operations.key_files import write_private
from console.operations.permissions import Role
from console.project.environment import Environment, read_key
from console.project.keys import ensure_secret_key, hand_out_host_key
from console.project.launcher.calling import await_known_as, first_of, until_known_otherwise
from console.project.launcher.database import await_up_to_date, bring_up_to_date
from console.project.launcher.parts import Part, Places, parts_of
from console.project.launcher.supervisor import PartFailed, Supervisor, banner
from console.project.tunnel import call_of

# those that need the console's keys and database; an agent needs Redis and a key of its own
OF_THE_CONSOLE = frozenset({"web", "worker", "beat"})


class Command(BaseCommand):
    help = "Start Redis, the engine, the web server, the workers and the scheduler; Ctrl-C stops them."
    requires_system_checks = ()  # the key that checks ask for may not exist yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="do not show what the parts print (logs/ keeps it)")
        parser.add_argument(
            "--only",
            default="",
            metavar="PARTS",
            help="of redis, engine, web, worker, agent, beat, by commas: where others run elsewhere",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        environment: Environment = settings.ENVIRONMENT
        try:
            if environment.console:
                _run_host(environment, only=options["only"], show=not options["quiet"])
                return
            places = _places(environment)
            parts = _chosen(parts_of(places), options["only"])
            _prepare(environment, places, {part.name for part in parts})
            asyncio.run(_run(places, parts, show=not options["quiet"]))
        except (PartFailed, OperationalError) as error:
            raise CommandError(str(error)) from error


def _places(environment: Environment) -> Places:
    return Places(
        data=environment.data,
        run=environment.run,
        http=environment.http,
        redis_url=os.environ.get("REDIS_URL", ""),
        host_name=environment.host_name,
        engine=environment.engine,
        trusts_proxy=environment.https,
        url=environment.url,
        console=environment.console,
    )


def _run_host(environment: Environment, *, only: str, show: bool) -> None:
    """The parts of a host whose agent calls a console elsewhere; anew when that has another name or key for it."""
    if not os.environ.get("REDIS_URL"):
        raise CommandError("REDIS_URL is not set: the agent takes its jobs from the console's Redis")
    try:
        call = call_of(environment)
    except ValueError as error:
        raise CommandError(str(error)) from error
    places = _places(environment)
    _make_folders(places)
    while True:
        known = asyncio.run(await_known_as(environment.known_as_path, call, _say))
        write_private(environment.host_key_path, known.signing_key)
        told = replace(places, host_name=known.name)
        changed = partial(until_known_otherwise, environment.known_as_path, known)
        if not asyncio.run(_run(told, _chosen(parts_of(told), only), show=show, until=changed)):
            return
        _say("the console has another name or key for this host; starting its parts anew")


def _chosen(parts: list[Part], only: str) -> list[Part]:
    names = {name for name in map(str.strip, only.split(",")) if name}
    if unknown := names - {part.name for part in parts}:
        there = ", ".join(part.name for part in parts)
        raise CommandError(f"--only: {', '.join(sorted(unknown))} is none of this instance's parts: {there}")
    return [part for part in parts if not names or part.name in names]


def _prepare(environment: Environment, places: Places, parts: Collection[str]) -> None:
    """What the parts need to find: directories, keys, an up-to-date database that knows this machine.

    The worker sees to keys and database for the others, which wait for it.
    """
    _make_folders(places)
    if OF_THE_CONSOLE.intersection(parts):
        settings.SECRET_KEY = ensure_secret_key(environment.secret_key_path)
        if "worker" in parts:
            hand_out_host_key(environment, settings.SECRET_KEY)
            bring_up_to_date(_say)
            register_host(environment.host_name, environment.engine)
        else:
            await_up_to_date(_say)
    elif "agent" in parts and not read_key(environment.host_key_path):
        raise CommandError(f"{environment.host_key_path} is not there: the worker makes it for this machine's agent")


def _make_folders(places: Places) -> None:
    for folder in (places.data, places.data / "redis", places.data / "logs", places.run, places.run / "alive"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # the runtime passes through here as a container's root, whom the host does not know; what lies in it is closed
    places.run.chmod(0o711)


async def _run(
    places: Places, parts: list[Part], *, show: bool, until: Callable[[], Awaitable[None]] | None = None
) -> bool:
    """Until it is interrupted; True when it was ``until`` that ended it."""

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
        for part in parts:
            await supervisor.start(part)
        if any(part.name == "web" for part in parts):
            sys.stdout.write(banner(await sync_to_async(_welcome)(places)) + "\n")
        else:
            _say(f"running: {', '.join(part.name for part in parts)}")
        sys.stdout.flush()
        await first_of(supervisor.watch(), *([until()] if until else []))
        return True
    except asyncio.CancelledError:
        _say("stopping; containers keep running")
        return False
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await supervisor.stop()


def _say(text: str) -> None:
    sys.stdout.write(f"naru: {text}\n")
    sys.stdout.flush()


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
