"""What polling and a core of its own would bring the quoting process on this machine, and whether it can have them.

Sleep and sharing are measured (`wake_ups`). What a network card's queue costs is not: on a test machine clients connect
through the loopback interface, which has none.
"""

from collections.abc import Iterator
from pathlib import Path

from quotelife.config import Config
from quotelife.diagnostics.diagnostic import Diagnostic, Setting
from quotelife.diagnostics.wake_ups import Interruptions, WakeUps

_BUSY_READ, _BUSY_POLL = "proc/sys/net/core/busy_read", "proc/sys/net/core/busy_poll"
_BUSY_US = "50"
_CARDS = "sys/class/net"
_EXPECTED_US = "5 to 20 us"  # of an interrupt and the wake-up behind it; expected, not measured
_LEAST_CORES = 3  # quoting polls on one, marketdata and the others have the rest
_FEW_US, _FEW_SHARE = 100.0, 0.001  # an interruption at most, and all of them, of a core that is as good as its own


def examine(config: Config, wake_ups: WakeUps, interruptions: Interruptions, usable: int) -> Iterator[Diagnostic]:
    """Diagnostics from what was measured on this machine, of which `usable` cores can be used."""
    yield _sharing(interruptions, usable)
    yield _spinning(config, wake_ups, usable)


def busy_polling(config: Config, root: Path) -> Diagnostic:
    """Polling of the network card while a socket is waited for."""
    settings = tuple(Setting(root / name, _BUSY_US) for name in (_BUSY_READ, _BUSY_POLL))
    read, poll = (path.read_text().strip() if path.exists() else "0" for path, _ in settings)
    cards = _cards(root / _CARDS)
    found = f"net.core.busy_read {read}, busy_poll {poll}, machine.busy_poll_us {config.machine.busy_poll_us} us"
    if cards:
        found += f"; {', '.join(cards)}"
    if cards == []:
        return Diagnostic("busy polling", "ok", f"{found}; no network card, and loopback has no queue to poll")
    if poll != "0" and (read != "0" or config.machine.busy_poll_us):
        return Diagnostic("busy polling", "ok", found)
    # Both engines wait for several sockets at once: net.core.busy_poll is for that, a socket's own value for its reads.
    advice = (
        f"{_BUSY_US} us, if the driver of the clients' network card can: expected to save {_EXPECTED_US} of an answer, "
        "costs a busy core"
    )
    if config.machine.busy_poll_us and poll == "0":
        advice = f"machine.busy_poll_us has no effect while net.core.busy_poll is 0; {advice}"
    return Diagnostic("busy polling", "warn", found, advice, settings)


def _cards(folder: Path) -> list[str] | None:
    """Network cards with their drivers; None if that cannot be seen."""
    if not folder.is_dir():
        return None
    links = {card.name: card / "device" / "driver" for card in sorted(folder.iterdir())}
    return [f"{name} ({link.resolve().name})" for name, link in links.items() if link.exists()]


def _sharing(interruptions: Interruptions, usable: int) -> Diagnostic:
    found = (
        f"in a fifth of a second a busy process lost its core {interruptions.times} times, for "
        f"{interruptions.longest_us:,.0f} us at most, {interruptions.share:.1%} of the time"
    )
    if interruptions.longest_us < _FEW_US and interruptions.share < _FEW_SHARE:
        return Diagnostic("interruptions", "ok", found)
    if usable < _LEAST_CORES:
        advice = f"a core of its own would spare quoting these; not possible here: {usable} cores for all processes"
    else:
        advice = "a core of its own, pinned in [machine] and isolated (isolcpus=), would spare quoting these"
    return Diagnostic("interruptions", "warn", found, advice)


def _spinning(config: Config, wake_ups: WakeUps, usable: int) -> Diagnostic:
    measured = (
        f"a process that sleeps answers after {wake_ups.asleep_us:,.0f} us here, one that polls after "
        f"{wake_ups.polling_us:,.0f} us"
    )
    possible = usable >= _LEAST_CORES
    if not config.machine.spin:
        if wake_ups.saved_us < 1:
            advice = "polling would bring nothing: the process that polls loses its core to others"
        elif possible:
            advice = (
                f'acceptor.engine = "native" with machine.spin = true would save about {wake_ups.saved_us:,.0f} us of '
                "an answer, and use a core of its own whole"
            )
        else:
            advice = f"not possible here: polling needs a core of its own, and {usable} serve all processes"
        return Diagnostic("spinning", "ok", f"off; {measured}", advice)
    if config.acceptor.engine != "native":
        return Diagnostic("spinning", "warn", "on, without effect: QuickFIX sleeps", 'set acceptor.engine = "native"')
    if not possible or "quoting" not in config.machine.pinned():
        advice = "give quoting a core of its own in [machine], or set machine.spin = false: it takes the others' time"
        return Diagnostic("spinning", "warn", f"on, on cores that it shares; {measured}", advice)
    if wake_ups.saved_us < 1:
        return Diagnostic("spinning", "warn", f"on; {measured}", "set machine.spin = false, or isolate its core")
    return Diagnostic("spinning", "ok", f"on; {measured}")
