"""A database that other machines or containers start, too: waiting until it answers, and until it is up to date."""

import time
from collections.abc import Callable

from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

PATIENCE_S = 120.0
LOOK_EVERY_S = 1.0


def bring_up_to_date(say: Callable[[str], None]) -> None:
    """Migrate it, once it answers. Raises OperationalError when it does not in time."""
    _await("waiting for the database", _answers, say)
    call_command("migrate", verbosity=0, interactive=False)


def await_up_to_date(say: Callable[[str], None]) -> None:
    """For a part that leaves the migrating to another one."""
    _await("waiting for the worker to bring the database up to date", _is_up_to_date, say)


def _await(what: str, is_so: Callable[[], bool], say: Callable[[str], None]) -> None:
    deadline, is_said = time.monotonic() + PATIENCE_S, False
    while True:
        try:
            if is_so():
                return
            why = "not yet"
        except OperationalError as error:
            why = str(error)
        finally:
            # one that failed must not be used again
            connection.close()
        if time.monotonic() > deadline:
            raise OperationalError(f"{what}, for {PATIENCE_S:.0f} s and in vain: {why}")
        if not is_said:
            say(what)
            is_said = True
        time.sleep(LOOK_EVERY_S)


def _answers() -> bool:
    connection.ensure_connection()
    return True


def _is_up_to_date() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
