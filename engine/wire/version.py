"""API versions: the one this engine speaks, the range it accepts, and what an answer must look like in between."""

from typing import Final, NamedTuple

from engine.model.errors import Invalid


class ApiVersion(NamedTuple):
    """Compares as versions do."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @classmethod
    def parse(cls, text: str) -> "ApiVersion":
        """The version of a path ``/v1.N/…``. Raises Invalid, in Docker's words, outside what is accepted."""
        major, _, minor = text.partition(".")
        if not (major.isdecimal() and minor.isdecimal() and len(text) < 10):
            raise Invalid(f"client version {text[:20]} is not a version: expected MAJOR.MINOR")
        version = cls(int(major), int(minor))
        if version < OLDEST:
            raise Invalid(
                f"client version {version} is too old. Minimum supported API version is {OLDEST}, "
                "please upgrade your client to a newer version"
            )
        if version > CURRENT:
            raise Invalid(f"client version {version} is too new. Maximum supported API version is {CURRENT}")
        return version


CURRENT: Final = ApiVersion(1, 47)
OLDEST: Final = ApiVersion(1, 21)

# What differs between them. UNTIL names the last version that has something, FROM the first one.
SECURITY_OPTION_KEYS_FROM: Final = ApiVersion(1, 25)  # info says name=seccomp,profile=…; before, the names alone
WAIT_CONDITION_FROM: Final = ApiVersion(1, 30)  # before, a wait is for the end, and its headers come with that
BUILDER_SIZE_UNTIL: Final = ApiVersion(1, 41)  # of /system/df
STOP_SIGNAL_FROM: Final = ApiVersion(1, 42)  # of stop and restart; before, it is not looked at
CONSOLE_SIZE_FROM: Final = ApiVersion(1, 42)  # of create and exec; before, it is not looked at
USAGE_TYPE_FROM: Final = ApiVersion(1, 42)  # of /system/df
MULTIPLEXED_TYPE_FROM: Final = ApiVersion(1, 42)  # logs and attach name their framing in the content type
WEBSOCKET_STREAMS_FROM: Final = ApiVersion(1, 42)  # attach/ws lets the client choose its streams; before it had all
VIRTUAL_SIZE_UNTIL: Final = ApiVersion(1, 43)  # of images, equal to Size
START_INTERVAL_FROM: Final = ApiVersion(1, 44)  # of health checks; before, it is not looked at
PIDS_LIMIT_UPDATED_FROM: Final = ApiVersion(1, 40)  # before, an update's PidsLimit was sent without being meant
ANONYMOUS_PRUNE_FROM: Final = ApiVersion(1, 42)  # before, pruning volumes took named ones too
ONE_SHOT_STATS_FROM: Final = ApiVersion(1, 41)
