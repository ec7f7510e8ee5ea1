"""The Compose language (https://compose-spec.io): text to one typed project. Pure; files come from a given reader.

A file goes through these steps: ``parsing`` (YAML with positions) → ``interpolation`` → ``grammar_*`` (short and long
forms to one form; paths made absolute) → ``extending`` → includes → merged over the files before it → ``environments``
→ ``finishing`` (references, defaults) → ``model``. ``loading`` leads it through them.
"""
