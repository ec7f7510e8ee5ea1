"""The capsules that the console keeps: ``NARU_DATA/stack-capsules/<number>.tar``."""

from typing import Final

from console.jobs.kept import KeptFiles

files: Final = KeptFiles("stack-capsules")
