"""Templates of workspaces as the API is told of them and shows them."""

from datetime import datetime
from typing import Self

from pydantic import Field

from console.blueprints.facts import ANYTHING, Asked
from console.blueprints.facts import Given as BlueprintFacts
from console.blueprints.models import Blueprint
from console.rest.schemas import Flag, Given, Paging, Shown


class TemplateVariableGiven(Given):
    name: str = Field(max_length=63)
    label: str = Field("", max_length=80)
    default: str = Field("", max_length=500)
    pattern: str = Field(
        ANYTHING,
        max_length=300,
        description="For all of it: characters, classes, `?`, `*`, `+`, `{2,5}`, and `|` between whole alternatives.",
    )
    is_secret: Flag = Field(False, description="Only `secret:NAME` is taken.")


class OwnTemplateGiven(Given):
    title: str = Field(max_length=80)
    about: str = Field("", max_length=300)
    compose: str = Field(description="The Compose file.")
    variables: list[TemplateVariableGiven] = Field(default_factory=list, max_length=30)

    @property
    def facts(self) -> BlueprintFacts:
        asked = [Asked(**one.model_dump()) for one in self.variables]
        return BlueprintFacts(self.title, self.compose, self.about, asked)


class NewOwnTemplate(OwnTemplateGiven):
    workspace: str = Field("", max_length=40, description="Whose it will be; empty: the first in which you may.")


class OwnTemplateQuery(Paging):
    workspace: str = Field("", max_length=40)


class OwnVariableShown(Shown):
    name: str
    label: str
    default: str
    pattern: str
    is_secret: Flag


class OwnTemplateShown(Shown):
    """A workspace's own: give its file and your `.env` to a new stack."""

    id: int
    workspace: str
    title: str
    about: str
    compose: str
    variables: list[OwnVariableShown]
    by: str = Field(description="Who saved it last.")
    changed_at: datetime

    @classmethod
    def of(cls, blueprint: Blueprint) -> Self:
        return cls(
            id=blueprint.pk,
            workspace=blueprint.workspace.slug,
            title=blueprint.title,
            about=blueprint.about,
            compose=blueprint.compose,
            variables=[OwnVariableShown(**one) for one in blueprint.variables],
            by=blueprint.by_name,
            changed_at=blueprint.changed_at,
        )
