"""What is said of a machine: of this one, and of others laid out in a folder."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from quotelife.config import Config, load
from quotelife.config.sections import Machine
from quotelife.diagnostics import machine
from quotelife.diagnostics.diagnostic import Finding, Setting, apply
from quotelife.diagnostics.machine import judge_clock, read_cores

CPU = "sys/devices/system/cpu"


def lay_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def configured(**cores: object) -> Config:
    config = load(Path(__file__).parents[3] / "deploy" / "quotelife.toml")
    return replace(config, machine=Machine(**cores))  # type: ignore[arg-type]


def found(root: Path, usable: int = 4, **cores: object) -> dict[str, Finding]:
    return {f.subject: f for f in machine.examine(configured(**cores), root, frozenset(range(usable)))}


def test_this_machine():
    findings = list(machine.examine(configured()))
    assert {f.subject for f in findings} >= {"cores", "isolation", "governor", "huge pages", "swap", "clock"}
    assert all(f.verdict == "ok" or f.advice for f in findings)


@pytest.mark.parametrize(
    ("text", "cores"), [("", set()), ("3\n", {3}), ("0-2", {0, 1, 2}), ("0,2-3,8-9", {0, 2, 3, 8, 9})]
)
def test_lists_of_cores(text, cores):
    assert read_cores(text) == cores


def test_processes_without_cores_of_their_own(tmp_path):
    assert found(tmp_path)["cores"].verdict == "warn"


def test_cores_that_are_not_there(tmp_path):
    finding = found(tmp_path, quoting=[7])["cores"]
    assert finding.verdict == "fail" and "cannot use 7" in finding.found


def test_a_core_of_its_own(tmp_path):
    assert found(tmp_path, quoting=[2], marketdata=[3])["cores"].verdict == "ok"


def test_a_core_shared_by_its_other_thread(tmp_path):
    lay_out(tmp_path, {f"{CPU}/cpu2/topology/thread_siblings_list": "2-3"})
    finding = found(tmp_path, quoting=[2], marketdata=[3])["cores"]
    assert finding.verdict == "warn" and "shares with marketdata" in finding.found


def test_isolated_cores(tmp_path):
    lay_out(tmp_path, {f"{CPU}/isolated": "2-3", f"{CPU}/nohz_full": "2"})
    assert found(tmp_path, quoting=[2])["isolation"].verdict == "ok"
    assert found(tmp_path, quoting=[3])["isolation"].verdict == "warn"


def test_a_slow_governor_is_set(tmp_path):
    files = {f"{CPU}/cpu{n}/cpufreq/scaling_governor": name for n, name in enumerate(("powersave", "performance"))}
    finding = found(lay_out(tmp_path, files))["governor"]
    assert (finding.verdict, finding.found) == ("warn", "performance, powersave")
    assert apply(finding).verdict == "ok"
    assert (tmp_path / CPU / "cpu0/cpufreq/scaling_governor").read_text() == "performance"
    assert found(tmp_path)["governor"].verdict == "ok"


@pytest.mark.parametrize(("chosen", "verdict"), [("[always] madvise never", "warn"), ("always [madvise] never", "ok")])
def test_huge_pages(tmp_path, chosen, verdict):
    lay_out(tmp_path, {"sys/kernel/mm/transparent_hugepage/enabled": chosen})
    assert found(tmp_path)["huge pages"].verdict == verdict


@pytest.mark.parametrize(
    ("release", "slice_us", "verdict", "said"),
    [
        ("6.18.44-fc", 100, "ok", "slices of 0.1 ms"),
        ("6.12.0", 100, "ok", "slices of 0.1 ms"),
        ("6.8.0-45-generic", 100, "warn", "one slice for all"),
        ("7.0", 250, "ok", "slices of 0.25 ms"),
        ("6.18.44", 0, "warn", "the kernel's own"),
    ],
)
def test_slices_of_the_scheduler(release, slice_us, verdict, said):
    finding = machine._slices(configured(slice_us=slice_us), release)
    assert finding.verdict == verdict and said in finding.found


def test_swap_and_locked_memory(tmp_path):
    lay_out(tmp_path, {"proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2"})
    finding = found(tmp_path)["swap"]
    assert finding.verdict == "warn" and "lock_memory" in finding.advice
    assert found(lay_out(tmp_path, {"proc/swaps": "Filename Type Size Used Priority"}))["swap"].verdict == "ok"


def test_busy_polling_is_set(tmp_path):
    lay_out(tmp_path, dict.fromkeys(("proc/sys/net/core/busy_read", "proc/sys/net/core/busy_poll"), "0"))
    finding = found(tmp_path)["busy polling"]
    assert finding.verdict == "warn"
    apply(finding)
    assert found(tmp_path)["busy polling"].verdict == "ok"


def test_balancing_between_nodes(tmp_path):
    lay_out(tmp_path, {"sys/devices/system/node/online": "0-1", "proc/sys/kernel/numa_balancing": "1"})
    assert found(tmp_path)["NUMA balancing"].verdict == "warn"
    assert "NUMA balancing" not in found(lay_out(tmp_path, {"sys/devices/system/node/online": "0"}))


@pytest.mark.parametrize(
    ("state", "status", "error_us", "verdict"),
    [(0, 1, 12, "ok"), (5, 64, 12, "warn"), (0, 0x40, 12, "warn"), (0, 1, 5_000, "warn")],
)
def test_the_clock(state, status, error_us, verdict):
    assert judge_clock(state, status, error_us, 20_000).verdict == verdict


def test_what_cannot_be_set_is_said(tmp_path):
    finding = Finding("it", "warn", "wrong", "do", (Setting(tmp_path / "no" / "file", "1"),))
    assert apply(finding).verdict == "warn"
    assert "cannot be set: No such file or directory" in apply(finding).found


def test_what_is_right_is_left_alone(tmp_path):
    path = tmp_path / "value"
    finding = Finding("it", "ok", "right", "", (Setting(path, "1"),))
    assert apply(finding) == finding and not path.exists()
