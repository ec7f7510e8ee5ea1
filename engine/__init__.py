"""A container engine daemon: Docker's HTTP API over overlay, conmon and an OCI runtime."""

__version__ = "0.1.0"
