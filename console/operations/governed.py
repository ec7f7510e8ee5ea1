"""Models that change only inside an operation (a person asked) or an observation (a host reported)."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self, TypeVar

from django.db import models

from console.operations.policy import NOWHERE, Place

_writer: ContextVar[str] = ContextVar("writer", default="")

M = TypeVar("M", bound=models.Model, covariant=True)


class WrittenOutside(RuntimeError):
    """A governed row was about to change with nobody answering for it. A programming error, never a person's."""


@contextmanager
def writes_allowed(writer: str) -> Iterator[None]:
    """For the runner alone. Does not nest: one change has one author."""
    if _writer.get():
        raise WrittenOutside(f"{writer} was begun inside {_writer.get()}")
    token = _writer.set(writer)
    try:
        yield
    finally:
        _writer.reset(token)


def require_writer(what: str) -> None:
    if not _writer.get():
        raise WrittenOutside(f"{what} is governed: change it in an operation or an observation")


class GovernedQuerySet(models.QuerySet[M]):
    def update(self, **changes: Any) -> int:
        require_writer(self.model.__name__)
        return super().update(**changes)

    def delete(self) -> tuple[int, dict[str, int]]:
        require_writer(self.model.__name__)
        return super().delete()

    def bulk_create(self, objs: Iterable[M], *args: Any, **options: Any) -> list[M]:
        require_writer(self.model.__name__)
        return super().bulk_create(objs, *args, **options)


class Governed(models.Model):
    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> None:
        require_writer(type(self).__name__)
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        require_writer(type(self).__name__)
        return super().delete(*args, **options)

    def locked(self) -> Self:
        """The row as it is now, held until the transaction ends. Raises the model's DoesNotExist if it went."""
        manager: models.Manager[Self] = type(self)._default_manager
        return manager.select_for_update().get(pk=self.pk)

    @property
    def target_kind(self) -> str:
        return type(self).__name__.lower()

    @property
    def target_id(self) -> str:
        return str(self.pk)

    @property
    def target_name(self) -> str:
        return str(self)

    @property
    def owner_pk(self) -> int | None:
        return None

    @property
    def place(self) -> Place:
        return NOWHERE
