"""The operating system and processor an image is for (OCI image-spec, image-index.md, "platform")."""

from dataclasses import dataclass

from engine.model.errors import Invalid

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_SYSTEMS = ("linux", "windows", "darwin", "freebsd")
_KNOWN = frozenset(
    ["386", "amd64", "arm", "arm64", "loong64", "mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "wasm"]
)


@dataclass(frozen=True, slots=True)
class Platform:
    os: str = "linux"
    architecture: str = "amd64"
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @classmethod
    def parse(cls, text: str) -> "Platform":
        parts = text.lower().split("/")
        if not 1 <= len(parts) <= 3 or not all(parts):
            raise Invalid(f"invalid platform {text[:80]!r}: expected os/architecture[/variant]")
        if len(parts) == 1:
            return cls._of_one_word(parts[0])
        return cls(parts[0], _ARCHITECTURES.get(parts[1], parts[1]), parts[2] if len(parts) == 3 else "")

    @classmethod
    def _of_one_word(cls, word: str) -> "Platform":
        architecture = _ARCHITECTURES.get(word, word)
        if word in _SYSTEMS:
            return cls(os=word)
        if architecture not in _KNOWN:
            raise Invalid(f"invalid platform {word[:80]!r}: unknown operating system or architecture: invalid argument")
        return cls(architecture=architecture)

    @classmethod
    def of_machine(cls, machine: str) -> "Platform":
        """``machine`` as uname(2) names it."""
        return cls(architecture=_ARCHITECTURES.get(machine, machine))
