"""Jobs that come again by the clock. A schedule asks, in its owner's name, for what the owner could ask for by hand."""
