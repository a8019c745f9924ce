"""Charts as small PNG files. Needs matplotlib."""

from pathlib import Path

from quotelife_bench.figures import Chart

_SIZE, _DPI = (6.4, 3.6), 90


def draw(chart: Chart, folder: Path) -> Path:
    """Write `folder`/NAME.png; returns its path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(figsize=_SIZE, dpi=_DPI, layout="constrained")
    for name, points in chart.lines.items():
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o", markersize=3, linewidth=1.2, label=name)
    if chart.labels:
        axes.set_xticks(range(len(chart.labels)), chart.labels)
    if chart.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,g}"))
        axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    if chart.log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_title(chart.title, fontsize=9)
    axes.set_xlabel(chart.x, fontsize=8)
    axes.set_ylabel(chart.y, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3, which="both" if chart.log_y else "major")
    axes.legend(fontsize=8)
    path = folder / f"{chart.name}.png"
    figure.savefig(path)
    pyplot.close(figure)
    return path
