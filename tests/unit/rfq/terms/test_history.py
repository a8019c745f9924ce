"""What a request stated, and an indicative quote, as the journal, the history and the explanation show them."""

import io

import msgspec
import pytest
from rich.console import Console

from quotelife.config.paths import RunPaths, data_paths
from quotelife.config.sections import Paths
from quotelife.explain.explain import Explainer
from quotelife.explain.lookup import QuoteLookup
from quotelife.explain.terminal import print_explanation
from quotelife.ledger.history import HistoryReader
from quotelife.ledger.quote_state import INDICATIVE
from quotelife.recorder.history_writer import HistoryWriter
from quotelife.recorder.metrics import RecorderMetrics
from quotelife.recorder.recorder import Recorder
from tests.unit.rfq.terms.terms_rig import TermsRig


@pytest.fixture
def rig(tmp_path):
    return TermsRig(tmp_path)


def test_the_terms_are_journalled_before_their_quote(rig):
    quote = rig.ask("r", "55=EUR/USD|54=1|38=1100|15=USD|1=ACC|64=20260209")
    terms, issued = rig.reader.read()
    assert (terms.quote_id, terms.request_id, terms.row) == (quote["117"], "r", 0)
    assert '"amount":"1100"' in terms.terms and '"bid_points":201' in terms.terms
    assert issued.quote_id == quote["117"]


@pytest.mark.parametrize("is_recorded", [False, True])
@pytest.mark.parametrize(("stated", "words"), [("537=0", "indicative, not to be hit"), ("64=20260209", "tenor M1")])
def test_a_quote_is_explained_with_what_was_stated(rig, tmp_path, stated, words, is_recorded):
    paths = Paths(run=str(tmp_path), data=str(tmp_path), parameters=str(tmp_path / "parameters"))
    config = msgspec.structs.replace(rig.config, paths=paths)
    history = HistoryWriter(data_paths(config).history)
    metrics = RecorderMetrics(tmp_path / "metrics-recorder", config)
    recorder = Recorder(config, history, rig.journal, RunPaths(tmp_path), metrics)
    quote_id = rig.ask("r", f"55=EUR/USD|54=1|38=1000|1=ACC|{stated}")["117"]
    if is_recorded:
        recorder.step(rig.mono_ns, rig.wall_ns)
        history.expire_quotes(rig.wall_ns + 10**15)
        history.commit()
        stored = HistoryReader(data_paths(config).history).quote(quote_id)
        assert stored is not None and (stored.state == INDICATIVE) == (stated == "537=0")
    recorded = QuoteLookup(config).find(quote_id)
    assert recorded is not None
    explanation = Explainer(config).explain(recorded)
    assert (explanation.became.state == INDICATIVE) == (stated == "537=0")
    out = io.StringIO()
    print_explanation(Console(file=out, width=200), explanation)
    assert words in out.getvalue() and "1=ACC" in out.getvalue()
    history.close()
