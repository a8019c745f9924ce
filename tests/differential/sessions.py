"""Generated sessions: Logons, session messages, damaged messages, and what stands between them."""

from collections.abc import Iterator
from random import Random
from typing import TypeVar

from tests.differential import odd
from tests.differential.known import KNOWN
from tests.differential.requests import Ids, application
from tests.differential.script import (
    EXPECTED,
    Connection,
    Fields,
    Message,
    Moment,
    Ours,
    Script,
    Segment,
    Theirs,
    Value,
)
from tests.differential.server import LOGON_FIELDS, version_of

T = TypeVar("T")
_TOO_HIGH = (
    "MsgSeqNum 2**31",
    "MsgSeqNum 2**63",
    "MsgSeqNum with a plus",
    "MsgSeqNum before MsgType",
    "MsgSeqNum twice",
)


def script(seed: int, session: int, attempt: int = 1) -> Script:
    """The script of a seed. Its first connection starts the numbers from 1; each attempt has ids of its own."""
    rng, version = Random(seed), version_of(session)
    ids = Ids(f"r{seed}.{attempt}")
    connections: list[Connection] = []
    resets = True
    for _ in range(rng.choice([1, 1, 2, 3])):
        connection, is_in_step = _connection(rng, ids, version, resets)
        connections.append(connection)
        if not is_in_step:
            break
        resets = rng.random() < 0.2
    if is_in_step:
        connections[-1].confirms = rng.random() < 0.5
    return Script(seed, session, connections)


def scripts(first_seed: int, connections: int, sessions: int) -> Iterator[Script]:
    """Scripts of so many connections in all, for sessions in turn."""
    seed = first_seed
    while connections > 0:
        made = script(seed, seed % sessions)
        connections -= len(made.connections)
        seed += 1
        yield made


def _connection(rng: Random, ids: Ids, version: str, resets: bool) -> tuple[Connection, bool]:
    """A connection, and whether both sides know the numbers at its end."""
    if rng.random() < 0.01:
        return Connection(_refused_logon(rng, version, resets), []), False
    shift = 0 if resets else rng.choice([0, 0, 0, 0, 0, 1, 3, -1])
    segments: list[Segment] = []
    if shift == 0:
        for _ in range(rng.choice([1, 2, 2, 3])):
            n = rng.choice([1, 2, 4, 6])
            segments.append(Segment([_orderly(rng, ids, version) for _ in range(n)]))
    ends_in_step = shift == 0 and rng.random() < 0.5
    if not ends_in_step:
        last = _gap if shift > 0 else rng.choice([_trouble, _trouble, _gap])
        segments.append(Segment(last(rng, ids, version), fence=False))
    return Connection(_logon(rng, version, resets, shift), segments), ends_in_step


def _logon(rng: Random, version: str, resets: bool, shift: int) -> Message:
    fields: Fields = [(98, 0), (108, rng.choice([30, 60, 600]))]
    fields += [(141, "Y")] if resets else rng.choice([[], [], [(141, "N")]])
    fields += LOGON_FIELDS[version]
    if not resets and rng.random() < 0.3:
        fields.append((789, rng.choice([Theirs(EXPECTED), Theirs(EXPECTED), Theirs(1), Theirs(2), Theirs(3)])))
    if rng.random() < 0.2:
        more: Fields = [(383, "4096"), (464, "N"), (5001, "x"), (553, "user"), (554, "secret"), (58, "hello")]
        fields.append(rng.choice(more))
    return Message("A", fields, shift=shift, steps=1 if shift >= 0 else 0)


def _refused_logon(rng: Random, version: str, resets: bool) -> Message:
    """Refused by the gateway, after a second, or by the session. No tag is there twice: see the rules of engagement."""
    message = _logon(rng, version, resets, 0)
    odd_fields: Fields = [(98, 1), (108, 0), (108, "x"), (108, 3601), (464, "Y"), (1137, "7")]
    tag, value = (789, Theirs(EXPECTED, 1)) if not resets and rng.random() < 0.5 else rng.choice(odd_fields)
    message.body = [field for field in message.body if field[0] != tag] + [(tag, value)]
    return message


# --- messages that leave both sides in step


def _orderly(rng: Random, ids: Ids, version: str) -> Message:
    makers = [_usual, _usual, _usual, _usual, _usual, _usual, _gap_fill, _reject]
    return rng.choice(makers)(rng, ids, version)


def _usual(rng: Random, ids: Ids, version: str) -> Message:
    """A message that is answered whatever came before it."""
    if rng.random() < 0.8:
        return application(rng, ids, version)
    makers = [
        _heartbeat, _test_request, _resend_request, _business_reject, _unknown_type, _duplicate, _possible_resend,
        _with_header_fields,
    ]  # fmt: skip
    return rng.choice(makers)(rng, ids, version)


def _heartbeat(rng: Random, ids: Ids, version: str) -> Message:
    return Message("0", rng.choice([[], [(112, "unasked")], [(112, "")], [(5001, "x")]]))


def _test_request(rng: Random, ids: Ids, version: str) -> Message:
    bodies: list[Fields] = [
        [(112, ids.new())], [(112, "a b=c")], [(112, "\u00e9")], [(112, "x" * 300)], [], [(112, "")],
        [(112, "1"), (112, "2")], [(112, "1"), (58, "t")],
    ]  # fmt: skip
    return Message("1", rng.choice(bodies))


def _resend_request(rng: Random, ids: Ids, version: str) -> Message:
    return Message("2", list(_choose(rng, odd.RANGES)))


def _choose(rng: Random, named: dict[str, T]) -> T:
    """One of those whose answers do not depend on the engine, and which have no number that is too high."""
    return named[rng.choice([name for name in named if name not in KNOWN and name not in _TOO_HIGH])]


def _gap_fill(rng: Random, ids: Ids, version: str) -> Message:
    """A SequenceReset, in gap-fill mode with the number that is expected."""
    steps = rng.choice([1, 1, 2, 5])
    if rng.random() < 0.5:
        return Message("4", [(123, "Y"), (36, Ours(steps))], steps=steps)
    return Message(
        "4", [*rng.choice([[], [(123, "N")]]), (36, Ours(steps))], shift=rng.choice([0, 0, 3, -1]), steps=steps
    )


def _reject(rng: Random, ids: Ids, version: str) -> Message:
    more: list[Fields] = [[], [(372, "S")], [(373, 5)], [(371, 117)]]
    return Message("3", [(45, _rejected(rng)), (58, "rejected"), *rng.choice(more)])


def _business_reject(rng: Random, ids: Ids, version: str) -> Message:
    more: list[Fields] = [[], [(379, "Q0-1")], [(58, "no")]]
    return Message("j", [(45, _rejected(rng)), (372, rng.choice("S8")), (380, 3), *rng.choice(more)])


def _rejected(rng: Random) -> Value:
    return rng.choice([Theirs(1), Theirs(2), Theirs(3), Theirs(0, -1), 0, "x"])


def _unknown_type(rng: Random, ids: Ids, version: str) -> Message:
    msg_type = rng.choice(odd.TYPES)
    return Message(
        msg_type, rng.choice([[], [(131, ids.new())], [(58, "text")], [(148, "news"), (33, 1), (58, "line")]])
    )


def _duplicate(rng: Random, ids: Ids, version: str) -> Message:
    """A PossDup message whose number was used before."""
    message = application(rng, ids, version)
    message.more = [(43, "Y"), (122, Moment(-1))]
    message.shift, message.steps = rng.choice([-1, -1, -2]), 0
    return message


def _possible_resend(rng: Random, ids: Ids, version: str) -> Message:
    message = application(rng, ids, version)
    message.more = rng.choice(
        [[(97, "Y")], [(97, "N")], [(43, "N")], [(43, "Y"), (122, Moment(-1))], [(97, "Y"), (43, "N")]]
    )
    return message


def _with_header_fields(rng: Random, ids: Ids, version: str) -> Message:
    message = application(rng, ids, version)
    message.more = rng.choice([
        [(50, "desk")], [(57, "x")], [(50, "a"), (57, "b"), (142, "c"), (143, "d")], [(115, "FUND")], [(128, "Y")],
        [(129, "z")], [(116, "u"), (144, "l")], [(90, 3), (91, "a=b")], [(347, "UTF-8")], [(369, 1)], [(1128, 9)],
        [(1128, 7)], [(1129, "x")], [(627, 1), (628, "HOP"), (629, Moment())], [(212, 5), (213, "<a/>x")],
        [(122, Moment())], [(145, "x")],
    ])  # fmt: skip
    return message


# --- messages after which a connection may be at its end


def _trouble(rng: Random, ids: Ids, version: str) -> list[Message]:
    """Messages of which each may be damaged, refused, or the last that the server answers. None has a number that is
    too high, since the engines differ in when they ask again, see `known`; and a Logon or a SequenceReset is the first:
    behind a message that ended the session, in the same read, QuickFIX obeys a Logon, without a connection."""
    makers = [
        _usual, _usual, _usual, _too_low, _damaged, _damaged, _damaged, _damaged, _wrong_header, _wrong_header, _logout,
        _odd_duplicate, _odd_field,
    ]  # fmt: skip
    first = rng.choice([*makers, _odd_reset, _odd_reset, _logon_again])
    messages = [first(rng, ids, version)]
    for _ in range(rng.choice([0, 0, 1, 2, 4])):
        messages.append(rng.choice(makers)(rng, ids, version))
    for message in messages:
        message.steps = 0
    return messages


def _gap(rng: Random, ids: Ids, version: str) -> list[Message]:
    """Messages behind some that are missing, and sometimes the gap fill for those."""
    messages = [_usual(rng, ids, version) for _ in range(rng.choice([1, 1, 2, 4]))]
    for message in messages:
        message.shift, message.steps = rng.choice([1, 1, 2, 3, 10**9]), 0
    if rng.random() < 0.5:
        messages.append(
            Message("4", [(123, "Y"), (36, Ours(rng.choice([1, 1, 2])))], more=[(43, "Y"), (122, Moment(-1))])
        )
    return messages


def _too_low(rng: Random, ids: Ids, version: str) -> Message:
    message = _usual(rng, ids, version)
    message.shift = rng.choice([-1, -2])
    return message


def _odd_reset(rng: Random, ids: Ids, version: str) -> Message:
    more: Fields = rng.choice([[], [(43, "Y")], [(43, "Y"), (122, Moment(-1))]])
    return Message("4", list(_choose(rng, odd.RESETS)), more=more, shift=rng.choice([0, 0, 0, -1]))


def _logon_again(rng: Random, ids: Ids, version: str) -> Message:
    message = _logon(rng, version, False, rng.choice([0, 0, -1]))
    if rng.random() < 0.3:
        message.header[34] = 1
    return message


def _logout(rng: Random, ids: Ids, version: str) -> Message:
    return Message("5", rng.choice([[], [(58, "bye")], [(58, "")]]), shift=rng.choice([0, 0, 0, 0, -1]))


def _odd_duplicate(rng: Random, ids: Ids, version: str) -> Message:
    message = _usual(rng, ids, version)
    message.more = list(_choose(rng, odd.DUPLICATES))
    message.shift = rng.choice([0, -1, -1])
    return message


def _odd_field(rng: Random, ids: Ids, version: str) -> Message:
    """A message with a field that no message can have, in its header or its body."""
    message = _usual(rng, ids, version)
    fields = rng.choice([message.more, message.body])
    fields.insert(rng.randrange(len(fields) + 1), _choose(rng, odd.FIELDS))
    return message


def _wrong_header(rng: Random, ids: Ids, version: str) -> Message:
    message = _usual(rng, ids, version)
    tag, value = _choose(rng, odd.HEADERS)
    message.header = {tag: value}
    return message


def _damaged(rng: Random, ids: Ids, version: str) -> Message:
    message = _usual(rng, ids, version)
    act = rng.randrange(4)
    if act == 0:
        message.checksum = _choose(rng, odd.CHECKSUMS)
    elif act == 1:
        message.length = _choose(rng, odd.LENGTHS)
    else:
        message.damage = _choose(rng, odd.DAMAGES)
    return message
