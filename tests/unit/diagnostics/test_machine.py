"""Checks of the machine, of this one and of others laid out in a folder."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from quotelife.config import Config, load
from quotelife.config.sections import Machine
from quotelife.config.shipped import DEMO
from quotelife.diagnostics import machine
from quotelife.diagnostics.diagnostic import Diagnostic, Setting, apply
from quotelife.diagnostics.machine import judge_clock, read_cores

CPU = "sys/devices/system/cpu"


def lay_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def configured(**cores: object) -> Config:
    config = load(DEMO)
    return replace(config, machine=Machine(**cores))  # type: ignore[arg-type]


def found(root: Path, usable: int = 4, **cores: object) -> dict[str, Diagnostic]:
    return {f.subject: f for f in machine.examine(configured(**cores), root, frozenset(range(usable)))}


def test_every_check_of_this_machine_is_ok_or_has_advice():
    diagnostics = list(machine.examine(configured()))
    assert {f.subject for f in diagnostics} >= {"cores", "isolation", "governor", "huge pages", "swap", "clock"}
    assert all(f.status == "ok" or f.advice for f in diagnostics)


@pytest.mark.parametrize(
    ("text", "cores"), [("", set()), ("3\n", {3}), ("0-2", {0, 1, 2}), ("0,2-3,8-9", {0, 2, 3, 8, 9})]
)
def test_core_list_is_parsed(text, cores):
    assert read_cores(text) == cores


def test_unassigned_cores_are_a_warning(tmp_path):
    assert found(tmp_path)["cores"].status == "warn"


def test_absent_core_is_a_failure(tmp_path):
    diagnostic = found(tmp_path, quoting=[7])["cores"]
    assert diagnostic.status == "fail" and "cannot use 7" in diagnostic.detail


def test_exclusive_cores_are_ok(tmp_path):
    assert found(tmp_path, quoting=[2], marketdata=[3])["cores"].status == "ok"


def test_core_shared_with_a_sibling_thread_is_a_warning(tmp_path):
    lay_out(tmp_path, {f"{CPU}/cpu2/topology/thread_siblings_list": "2-3"})
    diagnostic = found(tmp_path, quoting=[2], marketdata=[3])["cores"]
    assert diagnostic.status == "warn" and "shares with marketdata" in diagnostic.detail


def test_core_without_isolation_is_a_warning(tmp_path):
    lay_out(tmp_path, {f"{CPU}/isolated": "2-3", f"{CPU}/nohz_full": "2"})
    assert found(tmp_path, quoting=[2])["isolation"].status == "ok"
    assert found(tmp_path, quoting=[3])["isolation"].status == "warn"


def test_slow_governor_is_reported_and_set(tmp_path):
    files = {f"{CPU}/cpu{n}/cpufreq/scaling_governor": name for n, name in enumerate(("powersave", "performance"))}
    diagnostic = found(lay_out(tmp_path, files))["governor"]
    assert (diagnostic.status, diagnostic.detail) == ("warn", "performance, powersave")
    assert apply(diagnostic).status == "ok"
    assert (tmp_path / CPU / "cpu0/cpufreq/scaling_governor").read_text() == "performance"
    assert found(tmp_path)["governor"].status == "ok"


@pytest.mark.parametrize(("chosen", "status"), [("[always] madvise never", "warn"), ("always [madvise] never", "ok")])
def test_huge_pages_on_request_are_ok(tmp_path, chosen, status):
    lay_out(tmp_path, {"sys/kernel/mm/transparent_hugepage/enabled": chosen})
    assert found(tmp_path)["huge pages"].status == status


@pytest.mark.parametrize(
    ("release", "slice_us", "status", "said"),
    [
        ("6.18.44-fc", 100, "ok", "slices of 0.1 ms"),
        ("6.12.0", 100, "ok", "slices of 0.1 ms"),
        ("6.8.0-45-generic", 100, "warn", "one slice for all"),
        ("7.0", 250, "ok", "slices of 0.25 ms"),
        ("6.18.44", 0, "warn", "default slice"),
    ],
)
def test_scheduler_slice_depends_on_kernel_and_setting(release, slice_us, status, said):
    diagnostic = machine._slices(configured(slice_us=slice_us), release)
    assert diagnostic.status == status and said in diagnostic.detail


def test_swap_without_locked_memory_is_a_warning(tmp_path):
    lay_out(tmp_path, {"proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2"})
    diagnostic = found(tmp_path)["swap"]
    assert diagnostic.status == "warn" and "lock_memory" in diagnostic.advice
    assert found(lay_out(tmp_path, {"proc/swaps": "Filename Type Size Used Priority"}))["swap"].status == "ok"


def test_disabled_busy_polling_is_reported_and_set(tmp_path):
    lay_out(tmp_path, dict.fromkeys(("proc/sys/net/core/busy_read", "proc/sys/net/core/busy_poll"), "0"))
    diagnostic = found(tmp_path)["busy polling"]
    assert diagnostic.status == "warn"
    apply(diagnostic)
    assert found(tmp_path)["busy polling"].status == "ok"


def test_numa_balancing_is_checked_on_several_nodes(tmp_path):
    lay_out(tmp_path, {"sys/devices/system/node/online": "0-1", "proc/sys/kernel/numa_balancing": "1"})
    assert found(tmp_path)["NUMA balancing"].status == "warn"
    assert "NUMA balancing" not in found(lay_out(tmp_path, {"sys/devices/system/node/online": "0"}))


@pytest.mark.parametrize(
    ("state", "kernel_status", "error_us", "status"),
    [(0, 1, 12, "ok"), (5, 64, 12, "warn"), (0, 0x40, 12, "warn"), (0, 1, 5_000, "warn")],
)
def test_unsynchronised_clock_is_a_warning(state, kernel_status, error_us, status):
    assert judge_clock(state, kernel_status, error_us, 20_000).status == status


def test_failed_setting_is_reported(tmp_path):
    diagnostic = Diagnostic("it", "warn", "wrong", "do", (Setting(tmp_path / "no" / "file", "1"),))
    assert apply(diagnostic).status == "warn"
    assert "cannot be set: No such file or directory" in apply(diagnostic).detail


def test_right_setting_is_not_written(tmp_path):
    path = tmp_path / "value"
    diagnostic = Diagnostic("it", "ok", "right", "", (Setting(path, "1"),))
    assert apply(diagnostic) == diagnostic and not path.exists()
