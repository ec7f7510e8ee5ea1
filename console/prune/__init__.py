"""Making room on a host: what could go and why, and images held back for a while so that they can be put back."""
