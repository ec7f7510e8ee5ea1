"""Images on hosts: what is there, building, removing."""
