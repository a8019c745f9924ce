"""QuoteIDs and ExecIDs: distinct, and counted in words that kernels share."""

from quotelife.rfq.message_ids import IDS_NEXT, IDS_PREFIX, IDS_PREFIX_LENGTH, MessageIds


def test_quotes_and_executions_count_on_one_number():
    ids = MessageIds(0xABC)
    assert [ids.quote_id(), ids.exec_id(), ids.quote_id()] == ["Qabc-1", "Eabc-2", "Qabc-3"]


def test_ids_follow_those_that_a_kernel_has_counted():
    ids = MessageIds(0xABC)
    ids.words[IDS_NEXT] += 5
    assert ids.quote_id() == "Qabc-6"


def test_kernels_read_the_prefix_of_the_start():
    ids = MessageIds(0xABC)
    ids.started_ms = 0x12345
    prefix = ids.words[IDS_PREFIX:].tobytes()[: ids.words[IDS_PREFIX_LENGTH]]
    assert prefix == b"12345" and ids.started_ms == 0x12345 and ids.quote_id() == "Q12345-1"
