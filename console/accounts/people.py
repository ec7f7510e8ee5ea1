"""What a new person, a name and a password must be like."""

import re

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from console.accounts.models import User
from console.accounts.providers import Claims
from console.operations.errors import Invalid


def new_user(*, username: str, password: str | None, email: str) -> User:
    """Not saved yet. None for who signs in otherwise. Invalid names ``username``, ``email`` or ``password``."""
    user = User(username=User.normalize_username(username), email=User.objects.normalize_email(email))
    user.set_password(password)
    try:
        user.full_clean()
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise Invalid(" ".join(messages), field=name) from error
    if password is not None:
        checked_password(password, user, field="password")
    return user


def checked_password(password: str, user: User, *, field: str) -> str:
    """``password``, when it is one worth having for ``user``. Invalid names ``field``."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field=field) from error
    return password


def free_username(claims: Claims) -> str:
    """What the provider calls somebody, made into a name that is one here and that nobody has."""
    proposed = claims.username or claims.email.partition("@")[0]
    base = re.sub(r"[^\w.+-]", "", User.normalize_username(proposed))[:100] or "person"
    taken = set(User.objects.filter(username__startswith=base).values_list("username", flat=True))
    return next(name for name in (base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))) if name not in taken)
