"""Progress of pulls and pushes, sign-in, search and distribution, in Docker's words and JSON."""

from typing import Any, Final

from engine.model.transfer import LayerStep, PushedTag, Remark, Telling

_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")
_WIDTH: Final = 50


def encode_telling(telling: Telling) -> dict[str, Any]:
    if isinstance(telling, Remark):
        return {"status": telling.text, **({"id": telling.subject} if telling.subject else {})}
    if isinstance(telling, PushedTag):
        aux = {"Tag": telling.tag, "Digest": str(telling.digest), "Size": telling.size_bytes}
        return {"progressDetail": {}, "aux": aux}
    return _encode_step(telling)


def _encode_step(step: LayerStep) -> dict[str, Any]:
    if not step.total_bytes:
        return {"status": step.status, "progressDetail": {}, "id": step.layer}
    return {
        "status": step.status,
        "progressDetail": {"current": step.current_bytes, "total": step.total_bytes},
        "progress": progress_text(step.current_bytes, step.total_bytes),
        "id": step.layer,
    }


def progress_text(current: int, total: int) -> str:
    """``[====>      ]  1.2kB/3.4kB``, as the docker CLI draws it (moby, pkg/jsonmessage)."""
    done = min(current * _WIDTH // total, _WIDTH)
    numbers = f"{human_size(current):>8}/{human_size(total)}" if current <= total else f"{human_size(current):>8}"
    return f"[{'=' * done}>{' ' * (_WIDTH - done)}] {numbers}"


def human_size(size: float) -> str:
    """Four significant digits, decimal units: 1.234MB."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.4g}{_UNITS[unit]}"
