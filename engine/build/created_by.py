"""How history names what was done: the texts of dockerd's classic builder, which ``docker history`` shows."""

from collections.abc import Mapping, Sequence

from engine.model.durations import format_duration
from engine.model.image import Healthcheck, ImageConfig

DEFAULT_SHELL = ("/bin/sh", "-c")
_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def shell_of(config: ImageConfig) -> tuple[str, ...]:
    return config.shell or DEFAULT_SHELL


def run_by(argv: Sequence[str], arguments: Mapping[str, str]) -> str:
    """``|1 A=b /bin/sh -c echo hi``: a RUN with the build arguments it saw."""
    seen = [f"{name}={value}" for name, value in sorted(arguments.items())]
    return " ".join([f"|{len(seen)}", *seen, *argv] if seen else argv)


def nop(config: ImageConfig, what: str) -> str:
    """A change of the configuration only."""
    return " ".join((*shell_of(config), "#(nop) ", what))


def nop_on_files(config: ImageConfig, what: str) -> str:
    """WORKDIR, COPY and ADD, which dockerd writes with one blank less."""
    return " ".join((*shell_of(config), f"#(nop) {what}"))


def quoted_list(words: Sequence[str]) -> str:
    """Go's ``%q`` of a list of strings."""
    return f"[{' '.join(map(quoted, words))}]"


def plain_list(words: Sequence[str]) -> str:
    """Go's ``%v`` of a list of strings."""
    return f"[{' '.join(words)}]"


def quoted(text: str, *, quote: str = '"') -> str:
    """Go's ``strconv.Quote``."""
    return quote + "".join(_quoted_character(character, quote) for character in text) + quote


def healthcheck_text(healthcheck: Healthcheck) -> str:
    """Go's ``%q`` of the struct, odd as it looks: the retries are quoted as a character."""
    times = (healthcheck.interval_ns, healthcheck.timeout_ns, healthcheck.start_period_ns)
    parts = [quoted_list(healthcheck.test), *(quoted(format_duration(time)) for time in times)]
    retries = chr(healthcheck.retries) if healthcheck.retries < 0xD800 else "\ufffd"
    return f"&{{{' '.join(parts)} {quoted(retries, quote=chr(39))}}}"


def _quoted_character(character: str, quote: str) -> str:
    if character in (quote, "\\"):
        return "\\" + character
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
