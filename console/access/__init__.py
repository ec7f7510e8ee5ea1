"""Which role may do what, and who holds which role."""
