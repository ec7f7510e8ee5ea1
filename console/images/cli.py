"""The docker commands that do what a page shows. Pure."""

import shlex

from console.images.models import Image


def build_command(args: dict[str, object]) -> str:
    """What a person would type for a build job with these ``args``; nothing for the starter, whose files are ours."""
    if args.get("starter"):
        return ""
    tag = shlex.quote(str(args.get("tag", "")))
    if args.get("context"):
        path = str(args.get("dockerfile_path") or "Dockerfile")
        named = "" if path == "Dockerfile" else f" -f {shlex.quote(path)}"
        return f"docker build -t {tag}{named} - < context.tar"
    return f"docker build -t {tag} - < Dockerfile"


def image_commands(image: Image) -> str:
    name = shlex.quote(str(image))
    return f"docker image inspect {name}\ndocker run --rm {name}\ndocker rmi {name}"
