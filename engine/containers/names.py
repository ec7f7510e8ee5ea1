"""Container names: which are allowed, and new ones for containers whose maker gave none."""

import re
import secrets
from collections.abc import Callable, Container, Sequence

from engine.model.errors import Invalid

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_TRIES = 20

_ADJECTIVES_TEXT = """
ample apt bold brave bright brisk calm candid clear clever cosy crisp deft eager early fair firm fleet fond free
fresh gentle glad golden grand happy hardy honest jolly keen kind lively loyal lucid merry mellow mild modest neat
nimble noble patient placid plain polite proud quick quiet ready rosy serene sharp shiny silent smart smooth snug
sober solid steady still stout sunny supple swift tidy trusty upbeat vivid warm wise witty zesty
"""
_NOUNS_TEXT = """
anchor barge bay beacon boat bridge buoy canal canoe cape catamaran channel clipper coast compass cove creek cutter
dinghy dock dory estuary ferry fjord gondola gull harbour haven heron inlet island isle jetty junk kayak keel ketch
lagoon landing lantern lighthouse lock marina mast mooring oar otter pelican pier pilot port prow punt quay raft
reef ridge river rudder sail schooner shoal shore skiff sloop sound spinnaker stream tern tide tiller trawler tug
wharf yawl
"""

_ADJECTIVES = _ADJECTIVES_TEXT.split()
_NOUNS = _NOUNS_TEXT.split()


def check_name(name: str) -> str:
    """The name without its leading slash. Raises Invalid in Docker's words."""
    bare = name.removeprefix("/")
    if not _NAME.fullmatch(bare) or len(bare) > 255:
        raise Invalid(f"Invalid container name ({name[:80]}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    return bare


def new_name(taken: Container[str], *, choose: Callable[[Sequence[str]], str] = secrets.choice) -> str:
    """``adjective_noun``, with a digit when those tried were all taken."""
    for attempt in range(_TRIES):
        name = f"{choose(_ADJECTIVES)}_{choose(_NOUNS)}"
        if attempt >= _TRIES // 2:
            name += str(attempt)
        if name not in taken:
            return name
    return f"{choose(_ADJECTIVES)}_{secrets.token_hex(4)}"


def new_id() -> str:
    """64 hex digits; never only decimal ones in the first 12, which would read as a number in host names."""
    while True:
        container_id = secrets.token_hex(32)
        if not container_id[:12].isdigit():
            return container_id
