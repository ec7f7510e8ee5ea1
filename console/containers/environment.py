"""Who is shown which values of a container's environment: one rule for every page that could show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.containers.models import Container
from console.hosts.shape import env_of
from console.jobs.models import Job
from console.jobs.telling import HIDDEN
from console.operations.actor import Actor
from console.operations.permissions import Permission
from console.operations.policy import may
from console.secrets.references import name_in


@dataclass(frozen=True, slots=True)
class Variable:
    """``value`` is None where it is not shown."""

    name: str
    value: str | None
    is_secret: bool = False

    @property
    def text(self) -> str:
        return HIDDEN if self.value is None else self.value


@dataclass(frozen=True, slots=True)
class EnvRule:
    """``secret_names`` None: nobody knows which of them are, so all may be."""

    shows_values: bool
    secret_names: frozenset[str] | None

    def shown(self, name: str, value: str | None) -> Variable:
        is_secret = self.secret_names is None or name in self.secret_names
        return Variable(name, value if self.shows_values and not is_secret else None, is_secret)


def env_rule(actor: Actor, container: Container) -> EnvRule:
    """Values are for who holds container.secrets over it; those that were given as secrets are for nobody."""
    return EnvRule(may(actor, Permission.CONTAINER_SECRETS, on=container), _from_secrets(container))


def variables_of(rule: EnvRule, document: Mapping[str, Any] | None, *, names: list[str]) -> list[Variable]:
    """By the engine's document; without one, by the names that were last known."""
    pairs = env_of(document) if document is not None else [(name, None) for name in names]
    return [rule.shown(name, value) for name, value in pairs]


def hidden_in(rule: EnvRule, document: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's document with values hidden as the rule has it."""
    config = document.get("Config")
    if not isinstance(config, Mapping):
        return dict(document)
    shown = [rule.shown(name, value) for name, value in env_of(document)]
    return {**document, "Config": {**config, "Env": [f"{one.name}={one.text}" for one in shown]}}


def _from_secrets(container: Container) -> frozenset[str] | None:
    """Names of the variables whose values were secrets when it was made, by the job that made it."""
    used = set(container.secrets.values_list("name", flat=True))
    number = container.labels.get("naru.job", "")
    job = None
    if number.isdecimal() and len(number) <= 18:
        job = Job.objects.filter(pk=int(number), host_id=container.host_id).first()
    env = job.args.get("env") if job is not None else None
    given = {name: name_in(str(value)) for name, value in env.items()} if isinstance(env, Mapping) else {}
    found = {name: secret for name, secret in given.items() if secret is not None}
    # the job is forgotten, or is another's: what it had is not told by its names
    return None if used - set(found.values()) else frozenset(found)
