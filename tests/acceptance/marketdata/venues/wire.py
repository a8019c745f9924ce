"""FIX on the wire, written for the scripted venues alone: nothing here comes from the code under test."""

from collections.abc import Iterable
from dataclasses import dataclass

Field = tuple[int, object]

SOH = "\x01"
HEADER = {8, 9, 35, 49, 56, 115, 128, 50, 57, 34, 43, 97, 52, 122, 1128}
DATA = {95: 96, 93: 89, 90: 91, 354: 355}  # length fields, and the data that may contain SOH


@dataclass(frozen=True)
class Message:
    """A received message: its fields in order, BeginString to CheckSum."""

    fields: tuple[tuple[int, str], ...]

    def __getitem__(self, tag: int) -> str:
        """The value of a field that must be there once."""
        [value] = self.all(tag)
        return value

    def get(self, tag: int) -> str | None:
        values = self.all(tag)
        return values[0] if values else None

    def all(self, tag: int) -> list[str]:
        return [value for t, value in self.fields if t == tag]

    @property
    def msg_type(self) -> str:
        return self[35]

    def body(self, *without: int) -> str:
        """The fields between header and trailer as "98=0|108=30", without some whose values differ from run to run."""
        left_out = HEADER | {10, *without}
        return "|".join(f"{tag}={value}" for tag, value in self.fields if tag not in left_out)


def encode(begin_string: str, fields: Iterable[Field], length_digits: int = 1) -> bytes:
    """A message of `fields`, MsgType (35) first, framed by BeginString, BodyLength and CheckSum."""
    content = "".join(f"{tag}={value}{SOH}" for tag, value in fields)
    message = f"8={begin_string}{SOH}9={len(content.encode()):0{length_digits}d}{SOH}{content}".encode()
    return message + f"10={sum(message) % 256:03d}{SOH}".encode()


def decode(data: bytes) -> tuple[list[Message], bytes]:
    """The complete messages of `data`, and the bytes after them. AssertionError for a wrong BodyLength or CheckSum."""
    messages = []
    while (ends := data.find(b"\x0135=")) >= 0:
        length = int(data[data.index(b"\x019=") + 3 : ends])
        trailer = ends + 1 + length
        if len(data) < trailer + 7:
            break
        message, data = data[: trailer + 7], data[trailer + 7 :]
        assert message[trailer:] == b"10=%03d\x01" % (sum(message[:trailer]) % 256), message
        messages.append(Message(tuple(_fields(message.decode()))))
    return messages, data


def _fields(text: str) -> Iterable[tuple[int, str]]:
    at, data_length = 0, {}
    while at < len(text):
        equals = text.index("=", at)
        tag = int(text[at:equals])
        end = equals + 1 + data_length[tag] if tag in data_length else text.index(SOH, equals)
        value = text[equals + 1 : end]
        assert text[end] == SOH, (tag, value)
        if tag in DATA:
            data_length[DATA[tag]] = int(value)
        yield tag, value
        at = end + 1


def fields_of(text: str) -> tuple[Field, ...]:
    """Fields written as "279=0|269=0|270=1.5|271=2"."""
    parts = (part.partition("=") for part in text.split("|"))
    return tuple((int(tag), value) for tag, _, value in parts)
