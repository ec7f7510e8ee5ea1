"""``RestartPolicy``, as create and update say it and inspect repeats it."""

from typing import Any, Final

import msgspec

from engine.model.container import RestartPolicy, RestartRule
from engine.model.errors import Invalid
from engine.wire.text import shown

_MOST_RETRIES: Final = 2**31 - 1


class RestartPolicyJson(msgspec.Struct, rename="pascal"):
    name: str = ""
    maximum_retry_count: int = 0


def decode_restart_policy(given: RestartPolicyJson, *, auto_remove: bool = False) -> RestartPolicy:
    """Raises Invalid in Docker's words (moby, container/hostconfig_unix.go, ValidateRestartPolicy)."""
    name, retries = given.name or RestartRule.NO, given.maximum_retry_count
    if name not in list(RestartRule):
        raise Invalid(
            f"HostConfig.RestartPolicy.Name: invalid restart policy: unknown policy {shown(name)}; "
            f"use one of {', '.join(RestartRule)}"
        )
    rule = RestartRule(name)
    if retries and rule is not RestartRule.ON_FAILURE:
        raise Invalid(
            "HostConfig.RestartPolicy.MaximumRetryCount: invalid restart policy: "
            f"maximum retry count can only be used with 'on-failure', not with {shown(name)}"
        )
    if not 0 <= retries <= _MOST_RETRIES:
        raise Invalid(
            "HostConfig.RestartPolicy.MaximumRetryCount: invalid restart policy: maximum retry count cannot be negative"
        )
    if auto_remove and rule is not RestartRule.NO:
        raise Invalid(
            "HostConfig.AutoRemove: invalid host config: can't create 'AutoRemove' container with restart policy"
        )
    return RestartPolicy(rule, retries)


def encode_restart_policy(policy: RestartPolicy) -> dict[str, Any]:
    return {"Name": policy.rule.value, "MaximumRetryCount": policy.most_retries}
