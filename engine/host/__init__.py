"""The only code that touches the kernel, other programs and the clock. Foreign errors become ours here."""
