"""Names of containers: a small process of its own that answers at the gateways of user-defined networks.

It outlives the engine, so that names work while that is down. It imports little, for it is there all the time.
"""
