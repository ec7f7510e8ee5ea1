"""How containers reach each other, the host and the world: addresses, the bridge, published ports, the firewall."""
