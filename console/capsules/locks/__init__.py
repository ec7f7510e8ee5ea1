"""env.lock: what the containers of a stack are made of, and its fingerprint. Pure; docs/capsule.md has the format.

``seen`` is what an engine tells, ``service`` and ``environment`` put it into words that are the same on every engine,
``document`` is the file, ``comparing`` says what two environments differ in.
"""
