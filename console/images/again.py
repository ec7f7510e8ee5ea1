"""The inputs of an earlier build, as the form has them."""

from collections.abc import Mapping
from typing import Any

from console.images.build_errors import error_line
from console.jobs.models import Job


def build_again(job: Job | None) -> dict[str, Any]:
    """Empty for what was no build, or one of files that are ours."""
    if job is None or job.kind != "image.build" or job.args.get("starter"):
        return {}
    again: dict[str, Any] = {"host": job.host.name, "tag": job.args.get("tag", ""), **_written(job.args)}
    if job.workspace is not None:
        again["workspace"] = job.workspace.slug
    path = job.args.get("dockerfile_path", "Dockerfile")
    if git := job.args.get("git"):
        return again | {"source": "git", "git_dockerfile": path, **{f"git_{name}": git[name] for name in git}}
    if "context" in job.args:
        return again | {"source": "again", "context_of": job.number, "dockerfile_path": path}
    return again | {"source": "dockerfile", "dockerfile": job.args.get("dockerfile", "")}


def trouble_of(job: Job | None) -> dict[str, Any]:
    """What went wrong with it, and on which line of the Dockerfile; empty when nothing did."""
    if job is None or job.kind != "image.build" or not job.error:
        return {}
    return {"trouble": job.error, "trouble_line": error_line(job.args.get("dockerfile", ""), job.error, job.progress)}


def _written(args: Mapping[str, Any]) -> dict[str, Any]:
    """Secrets, registries and what else a build is told, as they are typed: a line for each of many."""
    accounts = args.get("registries", {}).items()
    return {
        "secrets": _lines(args.get("build_secrets", {})),
        "registries": "\n".join(f"{address} {a['username']} {a['password']}" for address, a in accounts),
        "tags": "\n".join(args.get("tags", [])),
        "build_args": _lines(args.get("build_args", {})),
        "labels": _lines(args.get("labels", {})),
        **{name: args[name] for name in ("target", "platform", "no_cache", "pull") if name in args},
    }


def _lines(pairs: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in pairs.items())
