"""The web console: people, permissions, jobs, audit and live output over engines that speak Docker's API."""
