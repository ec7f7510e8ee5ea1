"""The host's agent with the tallied kinds, on a broker that soon takes a message for lost."""

from console.project.agent import app
from tests.console.jobs import tally

app.conf.broker_transport_options = {**app.conf.broker_transport_options, "visibility_timeout": 2}
__all__ = ["app", "tally"]
