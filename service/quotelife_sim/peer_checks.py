"""Checks before a run that the simulated venue and clients can deal with a configuration."""

from quotelife.config import Config
from quotelife.config.sections import Venue
from quotelife_sim.clients.requests import FREE_SESSION, SHOCK_CLIENTS, simulated
from quotelife_sim.markets.catalog import symbols_of
from quotelife_sim.options import SHOCK
from quotelife_sim.plan import Plan, scales


def peer_problem(plan: Plan) -> str | None:
    """One line: what the market, the venue or the clients need and the configuration does not have; None if nothing."""
    config = plan.configuration()
    problem = _instrument_problem(plan, config) or _client_problem(plan, config)
    for venue in config.venue:
        problem = problem or _venue_problem(venue)
    return problem


def _instrument_problem(plan: Plan, config: Config) -> str | None:
    known = scales(config)
    missing = [symbol for symbol in symbols_of(plan) if symbol not in known]
    if not missing:
        return None
    option = "--scenario" if plan.market == SHOCK else "--market"
    return f"{option} {plan.market} plays {', '.join(missing)}, which is no [[instrument]]; allowed: a file that has it"


def _client_problem(plan: Plan, config: Config) -> str | None:
    clients = {client.name: client for client, _ in simulated(config)}
    needed = SHOCK_CLIENTS if plan.market == SHOCK else 1
    if len(clients) < needed:
        return f"{len(clients)} [[client]] to simulate; needed: {needed} with the role quotes, beside {FREE_SESSION}"
    for client, session in simulated(config):
        if client.logon.get(session) is not None:
            return f"client {client.name} logs on with a secret, which the simulated clients do not have"
        if client.version(session) != "FIX.4.4":
            return f"client {client.name} uses {client.version(session)}; allowed for simulated clients: FIX.4.4"
    return "acceptor.tls: the simulated clients have no TLS" if config.acceptor.tls is not None else None


def _venue_problem(venue: Venue) -> str | None:
    if venue.profile != "generic" and not venue.profile.endswith(".toml"):
        return f"venue {venue.name} has profile {venue.profile!r}; allowed for the simulated venue: generic"
    return f"venue {venue.name}: the simulated venue has no TLS" if venue.tls is not None else None
