"""When a container that ended is started again, by itself. Pure.

As Docker does it (moby, restartmanager/restartmanager.go): the pause doubles with each restart that follows another
closely, and whoever ran for ten seconds is taken to have been well.
"""

from typing import Final

from engine.model.container import Container, RestartRule, Status

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 60.0
_WELL_AFTER_S: Final = 10.0


def restarts_after(container: Container, *, exit_code: int) -> bool:
    """Whether its end, just now, is followed by another start. ``restart_count`` is still that before it."""
    if container.was_stopped:
        return False
    policy = container.spec.restart
    match policy.rule:
        case RestartRule.ALWAYS | RestartRule.UNLESS_STOPPED:
            return True
        case RestartRule.ON_FAILURE:
            return exit_code != 0 and (policy.most_retries == 0 or container.restart_count < policy.most_retries)
    return False


def starts_with_engine(container: Container) -> bool:
    """Whether a container that an engine finds down is to be up. One that never ran was not asked to."""
    if container.status is not Status.EXITED or container.hidden:
        return False
    match container.spec.restart.rule:
        case RestartRule.ALWAYS:
            return True  # also when it was stopped: this is what "unless-stopped" is for
        case RestartRule.UNLESS_STOPPED:
            return not container.was_stopped
    return False


def next_pause_s(last_s: float | None, *, ran_for_s: float) -> float:
    """``last_s`` is the pause before the run that ended now; None when somebody started it."""
    if last_s is None or ran_for_s >= _WELL_AFTER_S:
        return FIRST_PAUSE_S
    return min(2 * last_s, LONGEST_PAUSE_S)
