"""How long backups stay: until the day that was chosen when they were made."""

import time

from django.utils import timezone

from console.volumes.files import files
from console.volumes.models import Backup
from console.volumes.operations import remove_due_backup

# a file may be there before its row's transaction has ended
FILE_GRACE_S = 3600.0


def remove_due() -> int:
    """Returns how many went. Safe to be killed at any point, and to run twice at once."""
    due = list(Backup.objects.filter(expires_at__lte=timezone.now()).values_list("pk", flat=True))
    for number in due:
        remove_due_backup(number)
    _sweep_files()
    return len(due)


def _sweep_files() -> None:
    """What a crash between row and file left."""
    numbers = files.known_numbers()
    known = set(Backup.objects.filter(pk__in=numbers).values_list("pk", flat=True))
    for number in numbers:
        if number not in known and files.age_s(number, now_s=time.time()) > FILE_GRACE_S:
            files.drop(number)
