"""Parameters published beside a running service: it continues to quote over FIX, with the new ones."""

import time

from quotelife.config import load
from quotelife.config.paths import RunPaths, data_paths
from quotelife.journal.ring import Reader
from quotelife.parameters.region import activate_parameters
from quotelife.parameters.versions import LearntRow, Versions, load_configured
from quotelife_models import hazard as H
from tests.acceptance.rfq.test_hits import quote

WAIT_S = 15.0


def test_quotes_use_the_published_parameters_also_after_a_restart(start):
    service = start()
    config = load(service.config)
    versions = Versions(config, load_configured(config))
    journal = Reader(data_paths(config).journal)
    row = LearntRow("BTC-USD", versions.origins[0], intercept=1.0)

    def decided_with(client):
        """(hash of the parameters, p of a one-tick move as disclosed) of a quote."""
        given = quote(client)
        *_, record = journal.read()
        return record.parameters, float(given[20002])

    with service.client("FUND") as client:
        before, p_before = decided_with(client)
        assert before == load_configured(config).hash
        made = versions.append((row,), time.time_ns(), "by hand")
        activate_parameters(RunPaths(service.run_directory).parameters, made, versions.origin)
        deadline, answers = time.monotonic() + WAIT_S, 0
        while (now := decided_with(client))[0] == before:
            answers += 1
            assert now[1] == p_before and time.monotonic() < deadline
        assert now[0] == made.hash and now[1] > 2 * p_before
    service.quoting.stop()
    RunPaths(service.run_directory).parameters.unlink()
    service.start_quoting()
    service.calm()
    with service.client("FUND") as client:
        assert decided_with(client) == now, "the last valid ones, from disk"
    assert made.table[0, H.ALPHA] == -4.0
