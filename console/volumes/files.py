"""The tars of backups: ``NARU_DATA/backups/<number>.tar``."""

from typing import Final

from console.jobs.kept import KeptFiles

files: Final = KeptFiles("backups")
