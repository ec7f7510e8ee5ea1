"""A person's ways to prove who they are: password, codes, passkeys.

allauth keeps the factors (its table ``mfa_authenticator``) and knows the algorithms. Checking one may write: a recovery
code is used up, and of an app's codes the same one does not count twice. So it is done inside an operation.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from django.utils.translation import gettext as _

from console.accounts import passkeys
from console.accounts.models import BrowserSession, User
from console.operations.errors import Denied, Invalid

Method = BrowserSession.Method
Type = Authenticator.Type


@dataclass(frozen=True, slots=True)
class Proof:
    """What was given, of which one is enough. ``code`` is an app's or a recovery code, ``credential`` a passkey's."""

    password: str = ""
    code: str = ""
    credential: dict[str, Any] | None = None

    @property
    def kind(self) -> str:
        if self.credential is not None:
            return "passkey"
        return "code" if self.code else "password"


@dataclass(frozen=True, slots=True)
class Factors:
    """What a person has. ``recovery_codes`` is how many are left."""

    has_password: bool
    totp: Authenticator | None
    passkeys: tuple[Authenticator, ...]
    recovery: Authenticator | None
    recovery_codes: int

    @property
    def is_two_step(self) -> bool:
        return self.totp is not None or bool(self.passkeys)

    @property
    def takes_codes(self) -> bool:
        return self.totp is not None or self.recovery_codes > 0


def factors_of(user: User) -> Factors:
    rows = list(Authenticator.objects.filter(user_id=user.pk).order_by("created_at"))
    recovery = _first(rows, Type.RECOVERY_CODES)
    return Factors(
        has_password=user.has_usable_password(),
        totp=_first(rows, Type.TOTP),
        passkeys=tuple(row for row in rows if row.type == Type.WEBAUTHN),
        recovery=recovery,
        recovery_codes=len(recovery.wrap().get_unused_codes()) if recovery else 0,
    )


def two_step_pks(user_pks: Iterable[int]) -> set[int]:
    """Who of these has a second factor."""
    second = Authenticator.objects.filter(user_id__in=list(user_pks), type__in=[Type.TOTP, Type.WEBAUTHN])
    return set(second.values_list("user_id", flat=True))


def check_second(user: User, proof: Proof) -> str:
    """The name of the factor that ``proof`` shows. Raises Denied. Inside an operation only."""
    if proof.credential is not None:
        passkeys.check(user, proof.credential)
        return "passkey"
    code = "".join(proof.code.split()).replace("-", "")
    rows = list(Authenticator.objects.select_for_update().filter(user_id=user.pk).exclude(type=Type.WEBAUTHN))
    app, recovery = _first(rows, Type.TOTP), _first(rows, Type.RECOVERY_CODES)
    if app is not None and _takes_totp(app, code):
        return "totp"
    if recovery is not None and code and recovery.wrap().validate_code(code):
        recovery.record_usage()
        return "recovery-code"
    raise Denied(_("This code is wrong or was used already."))


def check_any(user: User, proof: Proof) -> str:
    """As ``check_second``, for a proof that may be the password as well."""
    if proof.kind != "password":
        return check_second(user, proof)
    if not user.has_usable_password() or not user.check_password(proof.password):
        raise Denied(_("The password is wrong."))
    return "password"


def matching_counter(secret: str, code: str, *, after: int = -1) -> int | None:
    """The time step whose code this is, if it lies near enough to now and after ``after``."""
    now = int(time.time()) // app_settings.TOTP_PERIOD
    for counter in range(now - app_settings.TOTP_TOLERANCE, now + app_settings.TOTP_TOLERANCE + 1):
        expected = totp.format_hotp_value(totp.hotp_value(secret, counter))
        if counter > after and totp.compare_user_code(actual=code, expected=expected):
            return counter
    return None


def new_totp(user: User, secret: str, code: str) -> Authenticator:
    """Invalid names ``code``: an app that shows another one would lock its owner out."""
    code = "".join(code.split())
    counter = matching_counter(secret, code)
    if counter is None:
        raise Invalid(_("This is not the code of now. Does the clock of your device go right?"), field="code")
    row: Authenticator = totp.TOTP.activate(user, secret).instance
    row.data["counter"] = counter
    row.save()
    return row


def new_recovery_codes(user: User, *, instead_of: Authenticator | None) -> list[str]:
    """Inside an operation. They are shown now and can be used once each."""
    if instead_of is not None:
        instead_of.delete()
    codes: list[str] = RecoveryCodes.activate(user).get_unused_codes()
    return codes


def drop_all(user: User) -> None:
    """Inside an operation: whoever lost them starts afresh."""
    for row in Authenticator.objects.filter(user_id=user.pk):
        row.delete()


def _takes_totp(row: Authenticator, code: str) -> bool:
    # the step is kept in the row: allauth would keep it in a cache of this process alone
    counter = matching_counter(decrypt(row.data["secret"]), code, after=row.data.get("counter", -1))
    if counter is None:
        return False
    row.data["counter"] = counter
    row.save()
    row.record_usage()
    return True


def _first(rows: Iterable[Authenticator], kind: str) -> Authenticator | None:
    return next((row for row in rows if row.type == kind), None)
