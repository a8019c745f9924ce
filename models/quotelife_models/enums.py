"""Tiers, expiry models, barriers, trading phases, market states and sides: each declared once, by name and index.

A name is what configuration, API and metrics use, and FIX in upper case. An index is what kernels, journals and
decision tables use: the position of the name. Journals on disk hold indices, so a new name goes at the end.

This module imports nothing but `typing`, so that every layer can use it.
"""

from typing import Literal, get_args

Model = Literal["client_priority", "risk_averse", "liquidity_provider"]  # a new one: see `expiry_models`
MODELS: tuple[str, ...] = get_args(Model)
CLIENT_PRIORITY, RISK_AVERSE, LIQUIDITY_PROVIDER = range(len(MODELS))

Tier = Literal["strategic", "ordinary", "restricted"]  # of a client
TIERS: tuple[str, ...] = get_args(Tier)
STRATEGIC, ORDINARY, RESTRICTED = range(len(TIERS))

Barrier = Literal["one_tick", "pick_off", "touch"]  # the adverse move that Risk Averse bounds
BARRIERS: tuple[str, ...] = get_args(Barrier)
BARRIER_ONE_TICK, BARRIER_PICK_OFF, BARRIER_TOUCH = range(len(BARRIERS))

Phase = Literal["continuous", "open", "close", "auction", "closed"]  # of an instrument's trading day
PHASES: tuple[str, ...] = get_args(Phase)
PHASE_CONTINUOUS, PHASE_OPEN, PHASE_CLOSE, PHASE_AUCTION, PHASE_CLOSED = range(len(PHASES))

MarketState = Literal["calm", "active", "stressed", "news", "auction", "closed"]  # in ascending gravity
MARKET_STATES: tuple[str, ...] = get_args(MarketState)
MARKET_CALM, MARKET_ACTIVE, MARKET_STRESSED, MARKET_NEWS, MARKET_AUCTION, MARKET_CLOSED = range(len(MARKET_STATES))

LegSide = Literal["buy", "sell"]
Side = Literal["two_way", "buy", "sell"]  # the client's; the indices of buy and sell are the values of Side (54)
SIDES: tuple[str, ...] = get_args(Side)
TWO_WAY, BUY, SELL = range(len(SIDES))
SIDE_TEXTS = tuple(side.replace("_", "-") for side in SIDES)  # on pages and in explanations
