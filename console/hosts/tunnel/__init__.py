"""A host's engine, reached through a connection that its agent has opened: many streams of bytes over one websocket.

``frames`` are what travels, ``wire`` is one end of a tunnel with its streams, ``calling`` the agent's end and
``serving`` the console's (adr/0026). The agent's end is a small process that loads no Django.
"""
