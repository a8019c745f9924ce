"""Before the first Logon every kind of request has been answered once, the plain ones by the kernel in both forms."""

from quotelife.acceptor.native.sessions import ClientSessions
from quotelife.acceptor.native.warm_up import WarmUpConnection
from quotelife.acceptor.process import build_handler, make_region
from quotelife.config.paths import DataPaths, RunPaths
from quotelife.decision import pricing
from quotelife.journal.ring import Writer
from quotelife.ledger.store import Ledger
from quotelife.rfq.plain import kernel
from quotelife.rfq.warm_up import ROUNDS, warm_up
from tests.unit.rfq.rfq_rig import Rig


def make_handler_of(rig):
    def make_handler(folder):
        files, region = DataPaths(folder), make_region(rig.config, RunPaths(folder).metrics("quoting"))
        ledger, journal = Ledger(files.ledger), Writer(files.journal, 64)
        return build_handler(rig.config, rig.parameters, pricing.default, region, journal, ledger)

    return make_handler


def test_the_plain_way_is_warm_in_both_forms(tmp_path, monkeypatch):
    rig, answered, composed = Rig(tmp_path), {"answer_text": 0, "answer_wire": 0}, []

    def counted(name):
        original = getattr(kernel, name)

        def call(*arguments):
            length = original(*arguments)
            answered[name] += length > 0
            return length

        return call

    for name in answered:
        monkeypatch.setattr(kernel, name, counted(name))

    warm_up(rig.config, make_handler_of(rig), composed.append, tmp_path)
    assert min(answered.values()) > 100
    assert {text[text.index("35=") :][3] for text in composed} >= {"S", "A", "8", "Z"}


def test_a_connection_of_the_native_engine_is_warm(tmp_path):
    """From the bytes in its socket to those of the Quote, and what follows."""
    rig, answers = Rig(tmp_path), []
    sessions = ClientSessions(rig.config)

    def connect(session, handler, folder):
        connection = WarmUpConnection(sessions.by_name[session], handler, folder)
        return lambda request: answers.append(connection.ask(request))

    warm_up(rig.config, make_handler_of(rig), str, tmp_path, connect)
    sessions.close()
    assert len(answers) == ROUNDS
    assert sum(b"\x0135=S\x01" in answer for answer in answers) > 100
