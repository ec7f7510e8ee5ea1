"""Docker's JSON and query strings on one side, the engine's types on the other. Pure; one module per resource."""
