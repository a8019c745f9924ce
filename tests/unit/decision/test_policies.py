"""Whether open quotes are withdrawn, as a setting that every lifetime knows."""

import msgspec
import numpy as np
import pytest

from quotelife.config import ConfigError
from quotelife.config.sections import Withdrawal
from quotelife.decision.policies import policy_of
from quotelife.journal import layout as J
from quotelife_models import decide as D
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.enums import MODELS
from tests.unit.rfq.rfq_rig import Rig


class RigWithout(Rig):
    """The same service without withdrawal."""

    def configure(self):
        return msgspec.structs.replace(super().configure(), withdrawal=Withdrawal(enabled=False))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("enabled", [True, False])
def test_policy_is_the_section_of_the_model_and_whether_quotes_are_withdrawn(tmp_path, model, enabled):
    rig = (Rig if enabled else RigWithout)(tmp_path)
    expected = P.pack(msgspec.structs.asdict(getattr(rig.config.models, model)))
    expected[P.WITHDRAWAL] = 1.0 if enabled else 0.0
    assert np.array_equal(policy_of(rig.config, model), expected)
    assert np.array_equal(rig.handler.quoter.policies[MODELS.index(model)], expected)


def test_unknown_setting_names_its_section(tmp_path, monkeypatch):
    rig = Rig(tmp_path)
    monkeypatch.delitem(P._PLAIN, "epsilon")
    with pytest.raises(ConfigError, match=r"models\.risk_averse"):
        policy_of(rig.config, "risk_averse")


@pytest.mark.parametrize("model", ["LIQUIDITY_PROVIDER", "RISK_AVERSE"])
def test_quote_that_nobody_can_call_back_lives_shorter(tmp_path, model):
    lifetimes, races = [], []
    for cls in (RigWithout, Rig):
        folder = tmp_path / cls.__name__
        folder.mkdir()
        rig = cls(folder)
        assert rig.ask("r", f"55=BTC-USD|54=1|38=1.5|20001={model}", "FUND")["35"] == "S"
        [record] = [record for record in rig.reader.read() if record.kind == J.KIND_QUOTE]
        lifetimes.append(record.sides[0].decision[D.OUT_MODEL_MS])
        races.append(record.contexts[1][S.CLIENT_RACE_LOST])
        assert len(rig.handler.watchlist.entries) == (cls is Rig)
    assert lifetimes[0] < lifetimes[1] and races[0] == 1.0 > races[1]
