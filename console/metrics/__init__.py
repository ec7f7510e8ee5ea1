"""What a Prometheus may scrape: how the console does, and what its hosts and containers use."""
