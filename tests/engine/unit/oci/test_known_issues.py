"""Versions of what containers stand on, and what is known against them."""

import pytest

from engine.oci.known_issues import ISSUES, Component, issues_of, verdict, warnings

DEBIAN_RUNC = "runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev\n"


def names(name: str, version: str, details: str = "") -> set[str]:
    return {issue.name for issue in issues_of(Component(name, version, details))}


@pytest.mark.parametrize(
    ("name", "version", "has", "has_not"),
    [
        ("runc", "1.1.11", "CVE-2024-21626", ""),
        ("runc", "1.1.12", "CVE-2024-45310", "CVE-2024-21626"),
        ("runc", "1.1.15", "CVE-2025-31133", "CVE-2024-45310"),
        ("runc", "1.2.7", "CVE-2025-31133", ""),
        ("runc", "1.3.2", "CVE-2025-31133", ""),
        ("runc", "1.2.8", "", "CVE-2025-31133"),
        ("runc", "1.3.3", "", "CVE-2025-31133"),
        ("runc", "1.4.0", "", "CVE-2025-31133"),
        ("crun", "1.18.2", "", "CVE-2026-30892"),
        ("crun", "1.19", "CVE-2026-30892", ""),
        ("crun", "1.26", "CVE-2026-30892", ""),
        ("crun", "1.27", "", "CVE-2026-30892"),
        ("libseccomp", "2.3.3", "CVE-2019-9893", ""),
        ("libseccomp", "2.5.4", "", "CVE-2019-9893"),
        ("kernel", "5.15.24-generic", "CVE-2022-0847", ""),
        ("kernel", "5.15.25", "", "CVE-2022-0847"),
        ("kernel", "6.18.44", "", "CVE"),
        ("kernel", "6.12.84+deb13-amd64", "CVE-2026-31431", ""),
        ("kernel", "6.12.85", "", "CVE-2026-31431"),
        ("conmon", "of unknown version", "", "CVE"),
    ],
)
def test_a_version_is_judged_by_its_number(name: str, version: str, has: str, has_not: str) -> None:
    found = " ".join(names(name, version))
    assert has in found
    assert not has_not or has_not not in found


def test_a_package_that_mended_in_place_is_known_by_its_revision() -> None:
    assert "CVE-2024-21626" in names("runc", "1.1.5+ds1")
    assert "CVE-2024-21626" not in names("runc", "1.1.5+ds1", DEBIAN_RUNC)


def test_a_warning_says_what_to_do() -> None:
    (warning,) = warnings(Component("crun", "1.20"))
    assert warning.startswith("crun 1.20 has CVE-2026-30892: ")
    assert "fixed in 1.27" in warning
    assert verdict(Component("crun", "1.20")) == warning


def test_nothing_known_is_said_as_such() -> None:
    assert verdict(Component("crun", "1.30")).startswith("crun 1.30: nothing known against it (as of ")


def test_ranges_are_not_empty() -> None:
    assert all(start < end for issue in ISSUES for start, end in issue.affected)
