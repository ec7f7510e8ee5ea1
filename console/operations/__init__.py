"""How anything is changed: actor, permission, one runner, one error hierarchy. Imports no app."""
