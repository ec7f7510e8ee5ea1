"""Pure types of the engine: values, their rules, and nothing that touches a file, a clock or a kernel."""
