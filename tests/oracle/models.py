"""Slow oracles of the decision: the models' formulas by their definition, in plain Python."""

import math

import numpy as np
from scipy import integrate, stats

from quotelife_models.covariates import BASE, COVARIATES, TOUCH_OF, VOLATILITY_KNOTS
from quotelife_models.schema import BIN_ENDS_MS

STARTS = (0, *BIN_ENDS_MS[:-1])


def covariates(x: dict[str, float], side: int, barrier: float, touch: bool = False) -> dict[str, float]:
    """Covariates of a sane market row, by name."""

    def contrast(a: float, b: float, more: float = 0.0) -> float:
        return (a - b) / (a + b + more) if a + b + more > 0 else 0.0

    near, far = ("bid", "ask") if side > 0 else ("ask", "bid")
    unit = x["average_trade"] or (x["bid_depth_1"] + x["ask_depth_1"]) / 2
    z = {
        "imbalance_1": side * x["imbalance_1"],
        "imbalance_5": side * x["imbalance_5"],
        "pressure": contrast(x[f"{near}_pressure"], x[f"{far}_pressure"]),
        "micro_deviation": math.asinh(side * x["micro_deviation"]),
        "order_flow": math.asinh(
            side * x["order_flow_imbalance"] / (1 + (x["bid_depth_1"] + x["ask_depth_1"]) / 2),
        ),
        "trade_flow": side * x["trade_flow_imbalance"],
        "vwap_deviation_100ms": math.asinh(side * x["vwap_deviation_100ms"]),
        "vwap_deviation_500ms": math.asinh(side * x["vwap_deviation_500ms"]),
        "correlated_velocity": math.asinh(side * x["correlated_velocity"] * 100),
        "addition_flow": contrast(x[f"{near}_add_rate"], x[f"{far}_add_rate"], 1),
        "cancellation_flow": contrast(x[f"{far}_cancel_rate"], x[f"{near}_cancel_rate"], 1),
        "news_sentiment": side * x["news_sentiment"],
        "correlated_return_5s": math.asinh(side * x["correlated_return_5s"] * 100),
        "log_spread": math.log(x["spread"]),
        "one_tick_spread": float(x["spread"] == 1),
        "spread_volatility": math.log(1 + 4 * x["spread_volatility"]),
        "top_updates": math.log(1 + x["top_update_count"]),
        "log_volatility_1s": math.log(0.25 + x["realised_volatility_1s"]),
        "log_volatility_10s": math.log(0.25 + x["realised_volatility_10s"]),
        "additions": math.log(1 + x["bid_add_rate"] + x["ask_add_rate"]),
        "cancellations": math.log(1 + x["bid_cancel_rate"] + x["ask_cancel_rate"]),
        "correlated_speed": math.asinh(abs(x["correlated_velocity"]) * 100),
        "top_age": math.log(1 + x["top_age"]),
        "far_depth": math.log(0.05 + x[f"{far}_depth_1"] / unit),
        "near_depth": math.log(0.05 + x[f"{near}_depth_1"] / unit),
        "far_thinness": x[f"{far}_depth_1"] / x[f"{far}_depth_5"],
        "near_thinness": x[f"{near}_depth_1"] / x[f"{near}_depth_5"],
        "volatility_index_change": math.asinh(x["volatility_index_change"]),
        "far_size_ratio": math.log(0.05 + x[f"{far}_size_ratio"]),
        "near_size_ratio": math.log(0.05 + x[f"{near}_size_ratio"]),
        "adverse_intensity": math.log(1 + x["buy_intensity" if side > 0 else "sell_intensity"]),
        "favourable_intensity": math.log(1 + x["sell_intensity" if side > 0 else "buy_intensity"]),
        "far_price_age": math.log(1 + x[f"{far}_price_age"]),
        "near_price_age": math.log(1 + x[f"{near}_price_age"]),
        "log_volatility_300s": math.log(0.25 + x["realised_volatility_300s"]),
        "just_changed": math.exp(-x["top_age"] / 5.0),
    }
    assert tuple(z) == BASE
    distance = math.log(barrier) - z["log_volatility_10s"]
    z |= {
        "log_barrier": math.log(barrier),
        "inverse_barrier": 1 / barrier,
        "beyond_spread": max(math.log(barrier / x["spread"]), 0.0),
        **{f"beyond_volatility_{i}": max(distance - knot, 0.0) for i, knot in enumerate(VOLATILITY_KNOTS)},
        "imbalance_1_near_barrier": z["imbalance_1"] / barrier,
        "micro_deviation_near_barrier": z["micro_deviation"] / barrier,
        "order_flow_near_barrier": z["order_flow"] / barrier,
        "far_depth_near_barrier": z["far_depth"] / barrier,
        "spread_near_barrier": z["log_spread"] / barrier,
        "far_size_ratio_near_barrier": z["far_size_ratio"] / barrier,
        "adverse_intensity_near_barrier": z["adverse_intensity"] / barrier,
        "just_changed_near_barrier": z["just_changed"] / barrier,
    }
    z["touch"] = float(touch)
    z |= {f"{name}_touch": z[name] * touch for name in TOUCH_OF}
    assert tuple(z) == COVARIATES
    return z


def p_move(hazards: list[float], t_ms: float) -> float:
    """p(T) from the hazards of the bins: whole bins survived, the last in part; beyond the last, its rate goes on."""
    alive = 1.0
    for start, end, h in zip(STARTS, BIN_ENDS_MS, hazards, strict=True):
        length = end - start
        spent = max(0.0, t_ms - start) if end == BIN_ENDS_MS[-1] else min(max(0.0, t_ms - start), length)
        alive *= (1 - h) ** (spent / length)
    return 1 - alive


def expected_value(
    lifetime_ms: float,
    hazards: list[float],
    *,
    edge: float,
    informed: float,
    fill_rate: float,
    loss: float,
    response_ms: float,
    cv: float,
    latency_ms: float,
) -> float:
    """V(T), by numerical integration."""
    variance = math.log(1 + cv**2)
    response = stats.lognorm(math.sqrt(variance), scale=response_ms * math.exp(-variance / 2))
    uninformed, _ = integrate.quad(lambda t: edge * response.pdf(t), 0, lifetime_ms, limit=200)
    return (1 - informed) * fill_rate * uninformed - informed * loss * p_move(hazards, lifetime_ms + latency_ms)


def best_lifetime(times_ms: np.ndarray, **known: float) -> float:
    """That of these times with the best value; 0 if none has a positive one."""
    hazards = known.pop("hazards")
    values = [expected_value(float(t), hazards, **known) for t in times_ms]  # type: ignore[arg-type]
    return float(times_ms[int(np.argmax(values))]) if max(values) > 0 else 0.0
