"""Writes the journal records of the quoting process; `quotelife.journal.layout` describes their words."""

import numpy as np
from numpy.typing import NDArray

from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.journal.ring import Writer
from quotelife.metrics.labels import HIT_OUTCOMES
from quotelife.shm.layout import WORD_BYTES
from quotelife_models.enums import BUY

NO_MODEL = -1
_KIND_AT, _UNTIL_AT, _QUANTITY_AT, _DIGEST_AT = (
    word * WORD_BYTES for word in (J.KIND, J.VALID_UNTIL_NS, J.QUANTITY, J.DIGEST)
)
_QUOTE = J.KIND_QUOTE
_BY_DESK = J.MODEL_FORCED | J.STATE_HELD
_HEAD = J.RECORD.struct(J.KIND, J.OUTCOME, J.WALL_NS, J.MONO_NS, J.INSTRUMENT, J.CLIENT, J.SIDE)
_TAIL = J.RECORD.struct(J.QUANTITY, J.DECIDED_NS, J.PARAMETERS, J.CONFIGURATION, J.SESSION, J.QUOTE_ID, J.REQUEST_ID)
_Q = J.RECORD.struct(J.DIGEST)


class RecordWriter:
    """Appends records, none without a `Writer`. `hashes` are the words of the parameters and the configuration that
    records name, for kernels. One thread at a time."""

    def __init__(self, writer: Writer | None, parameters_hash: str) -> None:
        self.writer = writer
        self._blank = Record()
        self._configuration = 0
        self.hashes = np.zeros(2, np.int64)
        self.set_parameters(parameters_hash)

    @property
    def ring_addresses(self) -> tuple[int, int, int]:
        """As `Writer.addresses`, for a kernel that appends instead; zeros without a writer."""
        return (0, 0, 0) if self.writer is None else self.writer.addresses

    def set_parameters(self, parameters_hash: str) -> None:
        """Name these parameters in the records from now on."""
        self._parameters = _word(parameters_hash)
        self.hashes[0] = self._parameters

    def set_configuration(self, configuration_hash: str) -> None:
        """The configuration in the records from now on."""
        self._configuration = _word(configuration_hash)
        self.hashes[1] = self._configuration

    def configuration(self, number: int, wall_ns: int, mono_ns: int) -> None:
        """The configuration with this number is in force."""
        if self.writer is None:
            return
        record = self._cleared()
        _HEAD.pack_into(record.memory, _KIND_AT, J.KIND_CONFIGURATION, 0, wall_ns, mono_ns, -1, -1, 0)
        _TAIL.pack_into(record.memory, _QUANTITY_AT, number, 0, self._parameters, self._configuration, 0, b"", b"")
        self.writer.append(record)

    def quote(
        self, record: Record, wall_ns: int, mono_ns: int, row: int, client: int, session: int, side: int,
        valid_until_ns: int, size_lots: int, took_ns: int, quote_id: str, request_id: str, digest: int,
        subscribed: bool, min_lots: int,
    ) -> None:  # fmt: skip
        """A quote before it is sent; the kernel has written its part of `record`, and the quoter what is by the desk's
        controls. It is indicative without a ValidUntilTime."""
        if self.writer is None:
            return
        memory, kind = record.memory, _QUOTE if valid_until_ns else J.KIND_INDICATIVE
        flags = memory[J.OUTCOME] & _BY_DESK | subscribed
        _HEAD.pack_into(memory, _KIND_AT, kind, flags, wall_ns, mono_ns, row, client, side)
        _Q.pack_into(memory, _UNTIL_AT, valid_until_ns)
        _TAIL.pack_into(
            memory, _QUANTITY_AT, size_lots, took_ns, self._parameters, self._configuration, session, quote_id.encode(),
            request_id.encode(),
        )  # fmt: skip
        _Q.pack_into(memory, _DIGEST_AT, digest)
        if min_lots:
            record.min_lots = min_lots
        self.writer.append(record)
        if min_lots:
            record.min_lots = 0  # the next record in this memory has none

    def terms(
        self, wall_ns: int, mono_ns: int, row: int, client: int, session: int, terms: bytes, quote_id: str,
        request_id: str,
    ) -> None:  # fmt: skip
        """What the request of the quote that follows stated, at most `TERMS_WORDS` words; ValueError for more."""
        if self.writer is None:
            return
        if len(terms) > J.TERMS_WORDS * WORD_BYTES:
            raise ValueError(f"terms of {len(terms)} bytes")
        record = self._cleared()
        _HEAD.pack_into(record.memory, _KIND_AT, J.KIND_TERMS, 0, wall_ns, mono_ns, row, client, 0)
        record.bytes[J.TERMS * WORD_BYTES :][: len(terms)] = np.frombuffer(terms, np.uint8)
        _TAIL.pack_into(
            record.memory, _QUANTITY_AT, 0, 0, self._parameters, self._configuration, session, quote_id.encode(),
            request_id.encode(),
        )  # fmt: skip
        self.writer.append(record)

    def leg(
        self, wall_ns: int, mono_ns: int, row: int, client: int, session: int, side: int, ratio: int, weight: int,
        unit_lots: int, bid_ticks: int, offer_ticks: int, features: NDArray[np.float64], versions: NDArray[np.int64],
        quote_id: str, symbol: str,
    ) -> None:  # fmt: skip
        """A leg of the multileg `symbol` whose quote follows."""
        if self.writer is None:
            return
        record = self._cleared()
        words = record.words
        _HEAD.pack_into(words.data, _KIND_AT, J.KIND_LEG, 0, wall_ns, mono_ns, row, client, side)
        words[J.LEG_WEIGHT], words[J.LEG_UNIT_LOTS] = weight, unit_lots
        words[J.BID_PX], words[J.OFFER_PX] = bid_ticks, offer_ticks
        record.features[:] = features
        words[J.BOARD_VERSION : J.INDEX_VERSION + 1] = versions
        _TAIL.pack_into(
            words.data, _QUANTITY_AT, ratio, 0, self._parameters, self._configuration, session, quote_id.encode(),
            symbol.encode("utf-8", "replace"),
        )  # fmt: skip
        self.writer.append(record)

    def reject(
        self, record: Record | None, reason: int, wall_ns: int, mono_ns: int, row: int, client: int, session: int,
        side: int, took_ns: int, request_id: str,
    ) -> None:  # fmt: skip
        """A request without a quote; `record` where a model refused it, `reason` the index of its refusal."""
        if self.writer is None:
            return
        if record is None:
            record = self._cleared()
        memory = record.memory
        _HEAD.pack_into(memory, _KIND_AT, J.KIND_REJECT, reason, wall_ns, mono_ns, row, client, side)
        _Q.pack_into(memory, _UNTIL_AT, 0)
        _TAIL.pack_into(
            memory, _QUANTITY_AT, 0, took_ns, self._parameters, self._configuration, session, b"",
            request_id.encode(),
        )  # fmt: skip
        _Q.pack_into(memory, _DIGEST_AT, 0)
        self.writer.append(record)

    def hit(
        self, outcome: str, wall_ns: int, mono_ns: int, row: int, client: int, session: int, side: int, ticks: int,
        lots: int, after_ns: int, valid_until_ns: int, board_change_ns: int, quote_id: str, response_id: str,
    ) -> None:  # fmt: skip
        """A fill or a refused hit, `after_ns` after the quote; `outcome` is one of HIT_OUTCOMES."""
        if self.writer is None:
            return
        record = self._cleared()
        words = record.words
        filled = outcome in FILLED_OUTCOMES
        kind = J.KIND_FILL if filled else J.KIND_HIT_REFUSED
        _HEAD.pack_into(record.memory, _KIND_AT, kind, HIT_OUTCOMES.index(outcome), wall_ns, mono_ns, row, client, side)
        words[J.LIFETIME_NS] = after_ns
        words[J.VALID_UNTIL_NS] = valid_until_ns
        words[J.BOARD_CHANGE_NS] = board_change_ns
        words[J.OFFER_PX if side == BUY else J.BID_PX] = ticks
        _TAIL.pack_into(
            record.memory, _QUANTITY_AT, lots, 0, self._parameters, self._configuration, session, quote_id.encode(),
            response_id.encode(),
        )  # fmt: skip
        self.writer.append(record)

    def cancel(
        self, reason: int, wall_ns: int, mono_ns: int, row: int, client: int, session: int, model: int,
        board_change_ns: int, quote_id: str,
    ) -> None:  # fmt: skip
        """A cancel; `reason` is an index into CANCEL_REASONS."""
        if self.writer is None:
            return
        record = self._cleared()
        words = record.words
        _HEAD.pack_into(record.memory, _KIND_AT, J.KIND_CANCEL, reason, wall_ns, mono_ns, row, client, 0)
        words[J.MODEL], words[J.BOARD_CHANGE_NS] = model, board_change_ns
        _TAIL.pack_into(
            record.memory,
            _QUANTITY_AT,
            0,
            0,
            self._parameters,
            self._configuration,
            session,
            quote_id.encode(),
            b"",
        )
        self.writer.append(record)

    def passed(
        self, kind: int, wall_ns: int, mono_ns: int, row: int, client: int, session: int, side: int, model: int,
        price_ticks: float, quote_id: str, response_id: str,
    ) -> None:  # fmt: skip
        """A client's end of a quote; `kind` is an index into PASS_KINDS, `price_ticks` NaN where it named none."""
        if self.writer is None:
            return
        record = self._cleared()
        _HEAD.pack_into(record.memory, _KIND_AT, J.KIND_PASS, kind, wall_ns, mono_ns, row, client, side)
        record.words[J.MODEL] = model
        record.elsewhere_ticks = price_ticks
        _TAIL.pack_into(
            record.memory, _QUANTITY_AT, 0, 0, self._parameters, self._configuration, session, quote_id.encode(),
            response_id.encode(),
        )  # fmt: skip
        self.writer.append(record)

    def client_reject(
        self, kind: int, wall_ns: int, mono_ns: int, row: int, client: int, session: int, quote_id: str, exec_id: str,
        reason: str,
    ) -> None:  # fmt: skip
        """A message that its client did not accept; `kind` is an index into CLIENT_REJECTS."""
        if self.writer is None:
            return
        record = self._cleared()
        _HEAD.pack_into(record.memory, _KIND_AT, J.KIND_CLIENT_REJECT, kind, wall_ns, mono_ns, row, client, 0)
        record.reject_text = reason
        _TAIL.pack_into(
            record.memory, _QUANTITY_AT, 0, 0, self._parameters, self._configuration, session, quote_id.encode(),
            exec_id.encode(),
        )  # fmt: skip
        self.writer.append(record)

    def _cleared(self) -> Record:
        self._blank.clear()
        self._blank.words[J.MODEL] = NO_MODEL
        return self._blank


def _word(digits: str) -> int:
    """The first 8 bytes of a hash."""
    return int.from_bytes(bytes.fromhex(digits)[:8], "little", signed=True)


FILLED_OUTCOMES = ("filled", "filled_in_grace")
