"""A session as the kernel knows it, and the last plain request that it answered."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.config import Config
from quotelife.decision import kernel as K
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import ClientState
from quotelife.fix.versions import VERSIONS
from quotelife.rfq.open_quotes import OpenQuote
from quotelife.rfq.plain import layout as P
from quotelife.rfq.plain.quote_text import QuoteForm
from quotelife.shm.arrays import address_of
from quotelife.shm.layout import WORD_BYTES

_QUANTITY_AT = P.RESULT_QUANTITY * WORD_BYTES


class SentQuote(Struct, gc=False):
    """What the kernel answered, as far as the session's record and words do not say it."""

    received_ns: int  # monotonic
    wall_ns: int
    quote: OpenQuote | None = None  # once it is among the open quotes


class PlainSession:
    """`words` int64[SESSION_WORDS]; `out` uint8[OUT_BYTES] holds the Quote until the session's next call, `text` that
    of form TEXT; `sent` is what `complete` still has to do something for. `is_plain` where the session may ask for
    quotes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = 0
        self.client: ClientState | None = None
        self.words = np.zeros(P.SESSION_WORDS, np.int64)
        self.memory, self.address = self.words.data, address_of(self.words, np.int64, "words")
        self.out = np.zeros(P.OUT_BYTES, np.uint8)
        self.out_memory = self.out.data
        self.buffers = DecisionBuffers()
        self.text = ""
        self.sent: SentQuote | None = None
        self.is_plain = False
        self._bytes = self.words.data.cast("B")
        self._form: QuoteForm | None = None
        self._sequence: NDArray[np.int64] | None = None

    def configure(
        self, config: Config, client: ClientState, number: int, pairs: NDArray[np.int64], key: tuple[int, int]
    ) -> None:
        """Ask for quotes as a session of this client. `pairs` int64[rows] are the client's, `key` that of the hashes of
        the session's QuoteReqIDs."""
        self.client, self.number, words = client, number, self.words
        version, terms = VERSIONS[client.client.version(self.name)], client.client
        sender = config.acceptor.sender_comp_id
        form = self._form = QuoteForm.of(version, terms.extensions, terms.disclose, sender, self.name)
        words[P.SESSION_NUMBER], words[P.SESSION_CLIENT] = number, client.index
        words[P.SESSION_DECISION] = address_of(self.buffers.inputs, np.int64, "inputs")
        words[P.SESSION_RECORD] = self.buffers.inputs[K.IN_RECORD]
        words[P.SESSION_ALLOWANCE] = address_of(client.allowance, np.int64, "allowance")
        words[P.SESSION_PAIRS] = address_of(pairs, np.int64, "pairs")
        words[P.SESSION_KEY], words[P.SESSION_KEY_2] = key
        words[P.SESSION_OUT] = address_of(self.out, np.uint8, "out")
        words[P.SESSION_HEADS], words[P.SESSION_N_HEADS] = address_of(form.heads, np.uint8, "heads"), len(form.heads)
        words[P.SESSION_FORM] = address_of(form.words, np.int64, "form")
        names = version.begin_string, self.name, sender
        fit = [
            write_name(words, at, length, name)
            for at, length, name in zip(
                (P.SESSION_BEGIN, P.SESSION_SENDER, P.SESSION_TARGET),
                (P.SESSION_BEGIN_LENGTH, P.SESSION_SENDER_LENGTH, P.SESSION_TARGET_LENGTH),
                names,
                strict=True,
            )
        ]
        self.is_plain = all(fit)

    def retire(self) -> None:
        """Ask for nothing any more."""
        self.is_plain = False

    def count_in(self, sequence: NDArray[np.int64] | None) -> None:
        """Count in these sequence numbers, int64[SEQUENCE_WORDS] of `quotelife.fix.session`; None where the engine
        counts, so that answers are texts."""
        self._sequence = sequence
        self.words[P.SESSION_SEQUENCE] = 0 if sequence is None else address_of(sequence, np.int64, "sequence")

    @property
    def consumed(self) -> int:
        """Bytes of the message that `answer_wire` has answered."""
        return self.memory[P.RESULT_CONSUMED]

    @property
    def quote_id(self) -> str:
        """QuoteID (117) of the Quote."""
        return self.buffers.record.quote_id

    @property
    def quantity(self) -> str:
        """OrderQty (38) of the request, as it was sent."""
        end = _QUANTITY_AT + self.memory[P.RESULT_QUANTITY_LENGTH]
        return str(self._bytes[_QUANTITY_AT:end], "ascii")


def write_name(words: NDArray[np.int64], at: int, length_at: int, name: str) -> bool:
    """Write a name of the wire into the words at `at`, its length into the word `length_at`. False if it is empty or
    too long for the kernel."""
    raw = name.encode()
    fits = 0 < len(raw) <= P.NAME_BYTES
    words[length_at] = len(raw) if fits else -1
    if fits:
        words.view(np.uint8)[at * WORD_BYTES :][: len(raw)] = np.frombuffer(raw, np.uint8)
    return fits
