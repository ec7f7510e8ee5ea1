"""What is wrong with a file, each with its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from console.operations.errors import Invalid
from console.stacks.compose.nodes import Mark

MOST_TOLD = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """``path`` is where in the document it is: ``services.web.ports.0``."""

    mark: Mark
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.mark), self.path, self.message) if part)


class ComposeInvalid(Invalid):
    """The text is not a project. At least one problem, in the order in which they were met."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems), field="files")
        self.problems = tuple(problems)


def refusal(mark: Mark, path: str, message: str) -> ComposeInvalid:
    return ComposeInvalid([Problem(mark, path, message)])


@dataclass(slots=True)
class Problems:
    """Collected, so that an editor can show all of them at once."""

    found: list[Problem] = field(default_factory=list)

    def add(self, mark: Mark, path: str, message: str) -> None:
        """Raises ComposeInvalid once nobody would read on."""
        self.found.append(Problem(mark, path, message))
        if len(self.found) >= MOST_TOLD:
            self.found.append(Problem(mark, "", _("There is more; these come first.")))
            self.raise_any()

    def raise_any(self) -> None:
        if self.found:
            raise ComposeInvalid(self.found)
