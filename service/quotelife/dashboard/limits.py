"""The limits of the desk, its instruments and its clients, and how much of each is used."""

from quotelife.config import Config
from quotelife.dashboard.positions import Positions
from quotelife.dashboard.units import trading_units

Limit = dict[str, object]
DESK, INSTRUMENT, CLIENT = "desk", "instrument", "client"


class LimitsInUse:
    """Of one configuration; a position counts without its sign, in units of its instrument."""

    def __init__(self, config: Config) -> None:
        self._limits = config.limits
        self._units = {i.symbol: trading_units(i) for i in config.instrument}
        self._clients = [client for client in config.client if client.role == "quotes"]

    def read(self, positions: Positions, requests_per_second: dict[str, float]) -> list[Limit]:
        """The configured limits: of notional, of positions that there are, of requests a second."""
        currencies = {units.currency for units in self._units.values()}
        currency = currencies.pop() if len(currencies) == 1 else ""
        found = [
            _limit(DESK, "", name, used, limit, currency)
            for name, used, limit in (
                ("max_gross_notional", positions.gross_notional, self._limits.max_gross_notional),
                ("max_net_notional", abs(positions.net_notional), self._limits.max_net_notional),
            )
            if limit is not None
        ]
        for position in positions.desk:
            unit, used = self._units[position.symbol].base, abs(position.quantity)
            found.append(_limit(INSTRUMENT, position.symbol, "max_position", used, position.limit, unit))
        for client in self._clients:
            name, rate = client.name, requests_per_second.get(client.name, 0.0)
            for position in positions.clients:
                if position.client == name and position.limit is not None:
                    used, unit = abs(position.quantity), self._units[position.symbol].base
                    limit = f"max_position {position.symbol}"
                    found.append(_limit(CLIENT, name, limit, used, position.limit, unit))
            found.append(_limit(CLIENT, name, "requests_per_second", rate, client.requests_per_second, "1/s"))
        return found


def _limit(scope: str, name: str, limit_name: str, used: float, limit: float | None, unit: str) -> Limit:
    return {"scope": scope, "name": name, "limit_name": limit_name, "used": used, "limit": limit, "unit": unit}
