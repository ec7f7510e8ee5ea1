"""Nothing changes except through an operation or an observation."""

import ast

import pytest
from django.apps import apps
from django.db.models import Manager, Model

from console.operations.governed import Governed, GovernedQuerySet
from tests.architecture.sources import Source, called_name, sources

UNGOVERNED = {
    "audit.AuditHead": "written with the entry that it counts",
    "audit.AuditEntry": "the runner itself writes it, refusals outside any transaction; it is append-only instead",
}
HOUSEKEEPING = {
    "console/hosts/calls.py": "whether a call still counts; beginning one is an operation",
    "console/accounts/limits.py": "an attempt is counted whatever comes of it",
    "console/jobs/dispatching.py": "the system's own housekeeping",
    "console/stacks/reconciling/operations.py": "what could not be asked for; asking for it is an operation",
    "console/schedules/firing.py": "a time is taken or forgotten; what it asks for is an operation",
}


# operations of somebody who is known by what they show, so that no actor is given
AT_THE_DOOR = {"console/hosts/calls.py": "an agent's call, by its host's key"}


def our_models() -> list[type[Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("console.")]


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_a_table_is_governed_or_has_a_reason_not_to_be(model: type[Model]) -> None:
    label = model._meta.label
    assert issubclass(model, Governed) != (label in UNGOVERNED)


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_no_manager_of_a_governed_table_goes_around_its_guard(model: type[Model]) -> None:
    managers: list[Manager[Model]] = list(model._meta.managers)
    assert managers
    if issubclass(model, Governed):
        assert [manager for manager in managers if not isinstance(manager.get_queryset(), GovernedQuerySet)] == []


def test_the_list_of_ungoverned_tables_is_not_out_of_date() -> None:
    assert UNGOVERNED.keys() <= {model._meta.label for model in our_models()}


def operation_modules() -> list[Source]:
    return [source for source in sources() if source.path.name == "operations.py"]


def takes_actor(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return any(a.annotation is not None and "Actor" in ast.unparse(a.annotation) for a in arguments)


def openers(module: ast.Module) -> set[str]:
    """Functions that open an operation, or call one of this module that does."""
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    calls = {f.name: {called_name(node) for node in ast.walk(f)} for f in functions}
    found = {"operation"}
    while more := {name for name, called in calls.items() if name not in found and called & found}:
        found |= more
    return found


def test_there_are_operations() -> None:
    assert {source.path.parent.name for source in operation_modules()} >= {"accounts", "jobs", "images", "containers"}


@pytest.mark.parametrize("source", operation_modules(), ids=lambda source: source.name)
def test_whoever_is_given_an_actor_opens_an_operation(source: Source) -> None:
    tree = source.tree
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    given = {function.name for function in functions if takes_actor(function)}
    assert given, "no operation takes an actor here"
    assert given - openers(tree) == set()


def test_only_the_runner_allows_writes() -> None:
    named = [source for source in sources() if source.may_say("writes_allowed")]
    callers = {s.name for s in named if any(called_name(n).endswith("writes_allowed") for n in ast.walk(s.tree))}
    assert callers == {"console/operations/runner.py"}


def test_only_operations_open_operations() -> None:
    assert importers_of("operation") == {source.name for source in operation_modules()} | AT_THE_DOOR.keys()


def test_only_observations_and_housekeeping_write_unaudited() -> None:
    elsewhere = {name for name in importers_of("observation") if not name.endswith("/observations.py")}
    assert elsewhere == HOUSEKEEPING.keys()


def importers_of(name: str) -> set[str]:
    named = [source for source in sources() if source.may_say("runner")]
    return {source.name for source in named if name in imported_from_runner(source.tree)}


def imported_from_runner(module: ast.Module) -> set[str]:
    imports = [node for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
    return {a.name for node in imports if node.module == "console.operations.runner" for a in node.names}
