"""The documentation shows each page of the console as it is listed, and no picture that nobody shows."""

from tests.e2e.conftest import ROOT
from tests.e2e.pictures import FOLDER, PAGES, VARIANTS, names_in


def test_every_page_is_shown_in_every_way() -> None:
    shown = names_in((ROOT / "docs/pages.md").read_text())
    wanted = {f"{name}{suffix}" for name in PAGES for suffix, *_how in VARIANTS}
    assert shown == wanted
    assert {path.stem for path in FOLDER.iterdir()} == wanted
