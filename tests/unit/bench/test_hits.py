"""The bench of hits: its load, and its baseline, which has every hit in its file before it answers."""

from quotelife_bench import configuration
from quotelife_bench.load import peers
from quotelife_bench.load.hits import HitPlan, _from_message, run


def test_every_hit_is_answered_after_its_row(tmp_path):
    config = configuration.write(tmp_path, 0, 1, 2)
    (tmp_path / "bare").mkdir()
    settings, port = configuration.bare_settings(config, tmp_path / "bare", in_memory=True)
    with peers.bare(settings, tmp_path / "rows"):
        plan = HitPlan(
            port=port, senders=configuration.sessions(2), target=configuration.ACCEPTOR, symbols=["BENCH-0000"],
            quantity=1, hits=3, warm_up=1, pause_us=0.0, prefix="t",
        )  # fmt: skip
        times = run(plan)
    rows = (tmp_path / "rows").read_text()
    assert len(times.latencies_ns) == 6 and times.refused == 0 and min(times.latencies_ns) > 0 < times.seconds
    assert all(rows.count(f"\x01693=ht{sender}-{n}\x01") == 1 for sender in plan.senders for n in range(4))


def test_what_was_cut_off_is_skipped():
    assert _from_message(b"5=8\x0110=001\x018=FIX.4.4\x01") == b"8=FIX.4.4\x01"
    assert _from_message(b"5=8\x0110=001\x01") == b"001\x01"[-4:]
    assert _from_message(b"8=FIX.4.4\x019=") == b"8=FIX.4.4\x019="
