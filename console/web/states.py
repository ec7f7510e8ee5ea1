"""How a state looks: a tone, an icon and a word, never a colour alone."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True, slots=True)
class Look:
    tone: str  # good | busy | waiting | off | bad: names of css classes
    icon: str
    word: str | Promise


UNKNOWN = Look(tone="off", icon="help-circle", word=pgettext_lazy("state", "unknown"))
LOOKS = {
    # containers, in Docker's words
    "created": Look(tone="waiting", icon="circle-dashed", word=pgettext_lazy("state", "created")),
    "running": Look(tone="good", icon="player-play", word=pgettext_lazy("state", "running")),
    "paused": Look(tone="waiting", icon="player-pause", word=pgettext_lazy("state", "paused")),
    "restarting": Look(tone="busy", icon="refresh", word=pgettext_lazy("state", "restarting")),
    "starting": Look(tone="busy", icon="loader-2", word=pgettext_lazy("state", "starting")),
    "stopping": Look(tone="busy", icon="loader-2", word=pgettext_lazy("state", "stopping")),
    "removing": Look(tone="busy", icon="loader-2", word=pgettext_lazy("state", "removing")),
    "exited": Look(tone="off", icon="player-stop", word=pgettext_lazy("state", "exited")),
    "dead": Look(tone="bad", icon="alert-triangle", word=pgettext_lazy("state", "dead")),
    "gone": Look(tone="off", icon="ghost", word=pgettext_lazy("state", "removed")),
    # their health checks, in Docker's words, and one check
    "healthy": Look(tone="good", icon="heartbeat", word=pgettext_lazy("state", "healthy")),
    "unhealthy": Look(tone="bad", icon="heart-broken", word=pgettext_lazy("state", "unhealthy")),
    "health.starting": Look(tone="busy", icon="loader-2", word=pgettext_lazy("state", "starting")),
    "probe.passed": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "passed")),
    "probe.failed": Look(tone="bad", icon="circle-x", word=pgettext_lazy("state", "failed")),
    # jobs
    "queued": Look(tone="waiting", icon="clock", word=pgettext_lazy("state", "queued")),
    "job.running": Look(tone="busy", icon="loader-2", word=pgettext_lazy("state", "running")),
    "cancelling": Look(tone="busy", icon="loader-2", word=pgettext_lazy("state", "cancelling")),
    "succeeded": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "succeeded")),
    "failed": Look(tone="bad", icon="circle-x", word=pgettext_lazy("state", "failed")),
    "cancelled": Look(tone="off", icon="ban", word=pgettext_lazy("state", "cancelled")),
    "lost": Look(tone="bad", icon="plug-connected-x", word=pgettext_lazy("state", "lost")),
    # audit outcomes
    "allowed": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "allowed")),
    "refused": Look(tone="bad", icon="lock", word=pgettext_lazy("state", "refused")),
    "audit.whole": Look(tone="good", icon="shield-check", word=pgettext_lazy("state", "as written")),
    "audit.broken": Look(tone="bad", icon="alert-triangle", word=pgettext_lazy("state", "not as written")),
    "audit.unchecked": Look(tone="waiting", icon="clock", word=pgettext_lazy("state", "not checked yet")),
    # sessions of terminals
    "terminal.open": Look(tone="good", icon="plug-connected", word=pgettext_lazy("state", "open")),
    "terminal.ended": Look(tone="off", icon="player-stop", word=pgettext_lazy("state", "ended")),
    "terminal.failed": Look(tone="bad", icon="plug-connected-x", word=pgettext_lazy("state", "broken off")),
    # API tokens
    "token.active": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "active")),
    "token.expired": Look(tone="off", icon="clock", word=pgettext_lazy("state", "expired")),
    "token.revoked": Look(tone="off", icon="ban", word=pgettext_lazy("state", "revoked")),
    # backups
    "backup.coming": Look(tone="busy", icon="loader-2", word=pgettext_lazy("state", "being made")),
    "backup.kept": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "kept")),
    "backup.failed": Look(tone="bad", icon="circle-x", word=pgettext_lazy("state", "failed")),
    # deliveries
    "waiting": Look(tone="waiting", icon="clock", word=pgettext_lazy("state", "waiting")),
    "sent": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "sent")),
    "delivery.dead": Look(tone="bad", icon="circle-x", word=pgettext_lazy("state", "given up")),
    # rules and channels
    "on": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "in force")),
    "off": Look(tone="off", icon="ban", word=pgettext_lazy("state", "switched off")),
    # steps of a plan
    "plan.pull": Look(tone="busy", icon="arrow-down", word=pgettext_lazy("step", "pull")),
    "plan.build": Look(tone="busy", icon="hammer", word=pgettext_lazy("step", "build")),
    "plan.create": Look(tone="good", icon="plus", word=pgettext_lazy("step", "create")),
    "plan.replace": Look(tone="waiting", icon="refresh", word=pgettext_lazy("step", "replace")),
    "plan.restart": Look(tone="busy", icon="player-play", word=pgettext_lazy("step", "restart")),
    "plan.load": Look(tone="busy", icon="restore", word=pgettext_lazy("step", "put in")),
    "plan.keep": Look(tone="off", icon="check", word=pgettext_lazy("step", "is there")),
    "plan.remove": Look(tone="bad", icon="trash", word=pgettext_lazy("step", "remove")),
    "plan.downtime": Look(tone="waiting", icon="clock", word=pgettext_lazy("step", "downtime")),
    "plan.data-loss": Look(tone="bad", icon="alert-triangle", word=pgettext_lazy("step", "data is lost")),
    # schedules, and what came of each of their times
    "active": Look(tone="good", icon="clock-play", word=pgettext_lazy("state", "active")),
    "firing.pending": Look(tone="busy", icon="loader-2", word=pgettext_lazy("state", "being asked for")),
    "firing.started": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "became a job")),
    "firing.skipped": Look(tone="waiting", icon="player-skip-forward", word=pgettext_lazy("state", "left out")),
    "firing.missed": Look(tone="waiting", icon="hourglass", word=pgettext_lazy("state", "missed")),
    "firing.refused": Look(tone="bad", icon="lock", word=pgettext_lazy("state", "refused")),
    # the sealed output of a job
    "output.open": Look(tone="busy", icon="loader-2", word=pgettext_lazy("state", "still being written")),
    "output.whole": Look(tone="good", icon="shield-check", word=pgettext_lazy("state", "as it was sealed")),
    "output.changed": Look(tone="bad", icon="alert-triangle", word=pgettext_lazy("state", "not what was sealed")),
    "output.lost": Look(tone="bad", icon="alert-triangle", word=pgettext_lazy("state", "its file is missing")),
    "output.unknown": Look(tone="off", icon="help-circle", word=pgettext_lazy("state", "sealed without a digest")),
    # what a grant comes to
    "gives": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "gives it")),
    "gives-own": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "gives it for one’s own")),
    "elsewhere": Look(tone="off", icon="ban", word=pgettext_lazy("state", "counts elsewhere")),
    "not-in-role": Look(tone="off", icon="ban", word=pgettext_lazy("state", "not in this role")),
    "only-everywhere": Look(tone="off", icon="ban", word=pgettext_lazy("state", "counts over everything only")),
    "over": Look(tone="waiting", icon="hourglass", word=pgettext_lazy("state", "is over")),
    # environments of stacks
    "environment.identical": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "identical")),
    "environment.different": Look(tone="bad", icon="git-compare", word=pgettext_lazy("state", "different")),
    "environment.changed": Look(tone="waiting", icon="git-compare", word=pgettext_lazy("state", "another value")),
    "environment.missing": Look(tone="bad", icon="minus", word=pgettext_lazy("state", "missing here")),
    "environment.added": Look(tone="waiting", icon="plus", word=pgettext_lazy("state", "only here")),
    # registries
    "registry.untried": Look(tone="waiting", icon="help-circle", word=pgettext_lazy("state", "not tried yet")),
    "registry.answers": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "answers")),
    "registry.failing": Look(tone="bad", icon="alert-triangle", word=pgettext_lazy("state", "does not let us in")),
    # hosts
    "reachable": Look(tone="good", icon="circle-check", word=pgettext_lazy("state", "reachable")),
    "unreachable": Look(tone="bad", icon="plug-connected-x", word=pgettext_lazy("state", "unreachable")),
    "host.called": Look(tone="good", icon="plug-connected", word=pgettext_lazy("state", "has called")),
    "host.awaited": Look(tone="waiting", icon="clock", word=pgettext_lazy("state", "awaited")),
    "host.lost": Look(tone="bad", icon="plug-connected-x", word=pgettext_lazy("state", "silent")),
    "unknown": UNKNOWN,
}
ROLES = {
    "viewer": _("viewer"),
    "operator": _("operator"),
    "developer": _("developer"),
    "auditor": _("auditor"),
    "admin": _("administrator"),
}
KINDS = {
    "image.build": _("Build image"),
    "image.remove": _("Remove image"),
    "image.pull": _("Pull image"),
    "image.push": _("Push image"),
    "image.tag": _("Tag image"),
    "image.untag": _("Untag image"),
    "image.load": _("Load images"),
    "image.import": _("Import image"),
    "host.prune": _("Prune host"),
    "quarantine.restore": _("Put image back"),
    "quarantine.remove": _("Remove from quarantine"),
    "network.create": _("Create network"),
    "network.remove": _("Remove network"),
    "network.connect": _("Connect container"),
    "network.disconnect": _("Disconnect container"),
    "network.prune": _("Prune networks"),
    "volume.create": _("Create volume"),
    "volume.remove": _("Remove volume"),
    "volume.prune": _("Prune volumes"),
    "volume.measure": _("Measure volumes"),
    "volume.list": _("List files of volume"),
    "volume.backup": _("Back up volume"),
    "volume.restore": _("Restore volume"),
    "volume.clone": _("Clone volume"),
    "container.run": _("Run container"),
    "stack.deploy": _("Deploy stack"),
    "stack.remove": _("Remove stack"),
    "stack.restore": _("Restore stack"),
    "stack.fetch": _("Fetch stack’s files"),
    "capsule.make": _("Take stack along"),
    "capsule.restore": _("Restore capsule"),
    "container.start": _("Start container"),
    "container.stop": _("Stop container"),
    "container.remove": _("Remove container"),
    "container.restart": _("Restart container"),
    "container.pause": _("Pause container"),
    "container.unpause": _("Unpause container"),
    "container.kill": _("Send a signal"),
    "container.rename": _("Rename container"),
    "container.update": _("Change limits"),
    "container.replace": _("Replace container"),
    "container.clone": _("Clone container"),
    "containers.start": _("Start containers"),
    "containers.stop": _("Stop containers"),
    "containers.restart": _("Restart containers"),
    "containers.remove": _("Remove containers"),
    "container.freeze": _("Freeze container"),
    "files.upload": _("Upload files"),
    "files.make-directory": _("Make directory"),
    "files.move": _("Move file"),
    "files.remove": _("Remove file"),
}


def look_of(state: str, *, of: str = "") -> Look:
    """The look of ``state``; ``of`` ("job") picks a meaning of its own where a word means two things."""
    return LOOKS.get(f"{of}.{state}") or LOOKS.get(state) or Look(tone="off", icon="help-circle", word=state)


def kind_name(kind: str) -> str | Promise:
    return KINDS.get(kind, kind)


def role_word(role: str) -> str | Promise:
    return ROLES.get(role, role)
