"""The docker commands that do what a page shows. Pure."""

import shlex
from collections.abc import Mapping
from typing import Any

from console.images.models import Image


def build_command(args: Mapping[str, Any]) -> str:
    """What a person would type for a build job with these ``args``; nothing for the starter, whose files are ours."""
    if args.get("starter"):
        return ""
    words = ["docker build", *_options(args)]
    path = str(args.get("dockerfile_path") or "Dockerfile")
    named = [] if path == "Dockerfile" else ["-f", shlex.quote(path)]
    if git := args.get("git"):
        rest = f"#{git['ref']}:{git['directory']}".rstrip(":").rstrip("#")
        return " ".join([*words, *named, shlex.quote(f"{git['url']}{rest}")])
    if args.get("context"):
        return " ".join([*words, *named, "- < context.tar"])
    return " ".join([*words, "- < Dockerfile"])


def _options(args: Mapping[str, Any]) -> list[str]:
    found = [f"-t {shlex.quote(str(tag))}" for tag in (args.get("tag", ""), *args.get("tags", []))]
    for name, option in (("build_args", "--build-arg"), ("labels", "--label")):
        found += [f"{option} {shlex.quote(f'{key}={value}')}" for key, value in args.get(name, {}).items()]
    found += [f"--{name} {shlex.quote(str(args[name]))}" for name in ("target", "platform") if args.get(name)]
    return found + [option for name, option in (("no_cache", "--no-cache"), ("pull", "--pull")) if args.get(name)]


def image_commands(image: Image) -> str:
    name = shlex.quote(str(image))
    acts = ("image inspect {}", "history {}", "run --rm {}", "tag {} NEW", "push {}", "save {} > image.tar", "rmi {}")
    return "\n".join(f"docker {act.format(name)}" for act in acts)


NEW_BUILD = "docker build --tag NAME:TAG --build-arg KEY=VALUE --target STAGE ."


def pull_command(reference: str, *, all_tags: bool) -> str:
    every = "--all-tags " if all_tags else ""
    return f"docker pull {every}{shlex.quote(reference) if reference else 'registry.example/shop/web:1.0'}"
