"""What ``docker logs --details`` puts before each line: the labels, variables and the tag that log options name.

Docker: daemon/logger/loginfo.go ``ExtraAttributes``, loggerutils/log_tag.go, api/server/httputils/write_log_stream.go.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote_plus

from engine.model.container import Container
from engine.model.errors import Invalid
from engine.wire.text import shown

_FIELD: Final = re.compile(r"\{\{ *\.(\w+) *\}\}")
_FIELDS: Final = ("ID", "FullID", "Name", "ImageName", "ImageID", "ImageFullID", "DaemonName")


def check_tag(tag: str) -> None:
    """A Go template of which we know single fields. Raises Invalid."""
    rest = _FIELD.sub(lambda match: "" if match.group(1) in _FIELDS else match.group(), tag)
    if "{{" in rest or "}}" in rest:
        known = ", ".join(f"{{{{.{name}}}}}" for name in _FIELDS)
        raise Invalid(f"tag: template parsing error in {shown(tag)}: expected nothing but {known}")


def log_details(container: Container) -> bytes:
    """``name=value,name=value`` and a space; the space alone where no option asks for anything."""
    spec = container.spec
    variables = dict(entry.split("=", 1) for entry in spec.env if "=" in entry)
    found = _named(spec.log.options.get("labels", ""), spec.labels)
    found |= _named(spec.log.options.get("env", ""), variables)
    if tag := spec.log.options.get("tag", ""):
        found["tag"] = _filled_in(tag, container)
    return (",".join(f"{quote_plus(name)}={quote_plus(found[name])}" for name in sorted(found)) + " ").encode()


def _named(names: str, values: Mapping[str, str]) -> dict[str, str]:
    return {name: values[name] for name in names.split(",") if name in values}


def _filled_in(tag: str, container: Container) -> str:
    image = container.spec.image_id
    values = {
        "ID": container.id[:12],
        "FullID": container.id,
        "Name": container.name,
        "ImageName": container.spec.image_name,
        "ImageID": image.hex[:12],
        "ImageFullID": str(image),
        "DaemonName": "docker",
    }
    return _FIELD.sub(lambda match: values.get(match.group(1), ""), tag)
