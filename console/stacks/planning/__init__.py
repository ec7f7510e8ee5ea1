"""From a project and what a host has of it to ordered steps. Pure.

``bodies`` says what each container, network and volume has to be, in the words of Docker's API; ``world`` what is
there; ``changes`` how the two differ; ``steps`` and ``plans`` what is to be done about it.
"""
