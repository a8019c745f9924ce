"""Lists of allowed addresses and networks."""

import ipaddress


class Addresses:
    """`address in Addresses(["10.0.0.0/8"])`; an empty list contains every address."""

    def __init__(self, texts: list[str]) -> None:
        self._networks = [ipaddress.ip_network(text) for text in texts]

    def __contains__(self, address: str) -> bool:
        if not self._networks:
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)
