"""How long capsules stay: until the day that was chosen when they were made or uploaded."""

import time

from django.utils import timezone

from console.capsules.files import files
from console.capsules.models import StackCapsule
from console.capsules.operations import remove_due_capsule

# a file may be there before its row's transaction has ended
FILE_GRACE_S = 3600.0


def remove_due() -> int:
    """Returns how many went. Safe to be killed at any point, and to run twice at once."""
    due = list(StackCapsule.objects.filter(expires_at__lte=timezone.now()).values_list("pk", flat=True))
    for number in due:
        remove_due_capsule(number)
    _sweep_files()
    return len(due)


def _sweep_files() -> None:
    """What a crash between row and file left."""
    now_s, numbers = time.time(), files.known_numbers()
    known = set(StackCapsule.objects.filter(pk__in=numbers).values_list("pk", flat=True))
    for number in numbers:
        if number not in known and files.age_s(number, now_s=now_s) > FILE_GRACE_S:
            files.drop(number)
    files.drop_incoming(older_than_s=24 * FILE_GRACE_S, now_s=now_s)
