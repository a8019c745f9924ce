"""What a lifetime is worth, as a PNG: pick-offs against genuine fills, policy by policy. Needs matplotlib."""

from pathlib import Path
from typing import Any

_PANEL_IN, _DPI = (3.6, 3.4), 110
_ORACLE = "perfect foresight of the market"
# policy of the report: label, colour, marker
_POLICIES = {
    "fixed_best": ("best fixed lifetime", "#555555", "s"),
    "fixed_best_per_account": ("best fixed lifetime per account", "#111111", "D"),
    "fixed_best_per_account_edge": ("the same, withdrawn by edge", "#e69f00", "D"),
    "client_priority": ("Client Priority", "#0072b2", "o"),
    "liquidity_provider": ("Liquidity Provider", "#009e73", "o"),
    "risk_averse": ("Risk Averse", "#d55e00", "o"),
    "oracle": (_ORACLE, "#cc79a7", "*"),
}

# labels that would lie on others: whether to the right of the point, and points upwards
_LABELS = {
    "liquidity_provider": (True, 5),
    "fixed_best_per_account_edge": (False, 8),
    "client_priority": (False, -6),
    "oracle": (True, -6),
}


def draw(report: dict[str, Any], path: Path) -> None:
    """Write the picture of a backtest's `report.json`: a panel per symbol, for the main share of informed requests."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    symbols = report["symbols"]
    width, height = _PANEL_IN
    figure, axes = pyplot.subplots(
        1, len(symbols), figsize=(width * len(symbols), height + 0.6), dpi=_DPI, layout="constrained", squeeze=False
    )
    for axis, (symbol, found) in zip(axes[0], symbols.items(), strict=True):
        _panel(axis, symbol, found)
    axes[0][0].set_ylabel("requests picked off, %", fontsize=9)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    figure.savefig(path)
    pyplot.close(figure)


def _panel(axis: Any, symbol: str, found: dict[str, Any]) -> None:
    policies = found["policies"]
    fixed = [p for name, p in policies.items() if name.startswith("fixed_") and name.endswith("ms")]
    curve = sorted((_percent(p["fill_rate"]), _percent(p["pickoff_rate"])) for p in fixed)
    axis.plot(*zip(*curve, strict=True), color="#999999", linewidth=1.2, label="fixed lifetimes, 5 ms to 10 s")
    for name, (label, colour, marker) in _POLICIES.items():
        policy = policies[name]
        point = _percent(policy["fill_rate"]), _percent(policy["pickoff_rate"])
        axis.scatter(*point, color=colour, marker=marker, s=90 if marker == "*" else 36, label=label, zorder=3)
        to_right, up = _LABELS.get(name, (False, 0))
        net, offset = f"{policy['net_per_request']:.3f}", (6 if to_right else -6, up)
        axis.annotate(
            *(net, point, offset), textcoords="offset points", fontsize=7, color=colour,
            ha="left" if to_right else "right", va="center",
        )  # fmt: skip
    drawn = [policies[name] for name in _POLICIES]
    axis.set_xlim(0.8 * _percent(min(p["fill_rate"] for p in drawn)), 1.06 * max(x for x, _ in curve))
    axis.set_ylim(bottom=-0.03 * curve[-1][1], top=1.2 * _percent(max(p["pickoff_rate"] for p in drawn)))
    axis.set_title(f"{symbol}, {', '.join(found['tested_on'])}, {found['informed']:.0%} informed", fontsize=9)
    axis.set_xlabel("genuine requests filled, % (labels: net, ticks a request)", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3)
    axis.set_axisbelow(True)


def _percent(share: float) -> float:
    return 100.0 * share
