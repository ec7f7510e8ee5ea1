"""From a container's record to a running process: the OCI configuration, how it is confined, and who runs it."""
