"""Teams, roles and grants: who may do what, where, until when, and why not."""
