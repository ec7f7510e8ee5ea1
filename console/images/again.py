"""The inputs of an earlier build, as the form has them."""

from collections.abc import Mapping
from typing import Any

from console.jobs.models import Job


def build_again(job: Job | None) -> dict[str, Any]:
    """Empty for what was no build, or one of files that are ours."""
    if job is None or job.kind != "image.build" or job.args.get("starter"):
        return {}
    again: dict[str, Any] = {"host": job.host.name, "tag": job.args.get("tag", ""), **_written(job.args)}
    if job.workspace is not None:
        again["workspace"] = job.workspace.slug
    if "context" in job.args:
        path = job.args.get("dockerfile_path", "Dockerfile")
        return again | {"source": "again", "context_of": job.number, "dockerfile_path": path}
    return again | {"source": "dockerfile", "dockerfile": job.args.get("dockerfile", "")}


def _written(args: Mapping[str, Any]) -> dict[str, str]:
    """Secrets and registries, a line for each."""
    accounts = args.get("registries", {}).items()
    return {
        "secrets": "\n".join(f"{name}={value}" for name, value in args.get("build_secrets", {}).items()),
        "registries": "\n".join(f"{address} {a['username']} {a['password']}" for address, a in accounts),
    }
