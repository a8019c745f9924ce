"""The fields that an initiator adds to its Logon: templates that are filled anew for every Logon, and signed.

No representation, error or log contains a secret.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from quotelife.config.venues.venue_profile import LogonProfile, fill, names_in
from quotelife.fix import tags
from quotelife.fix.encode import Body, Identity
from quotelife.fix.fields import as_text

_NONCE_BYTES = 32
_SHORTEST_REDACTED = 4  # characters of a secret that is replaced in texts of the peer
_HIDDEN = "***"

Signer = Callable[[bytes], bytes]


def new_nonce() -> str:
    """Random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(_NONCE_BYTES)).decode()


@dataclass(frozen=True, slots=True, repr=False)
class LogonRecipe:
    """`credentials` are the values of {username}, {password} and the profile's secrets; `sign` signs the text of its
    signature. The defaults are a Logon without credentials."""

    profile: LogonProfile = field(default_factory=LogonProfile)
    credentials: Mapping[str, str] = field(default_factory=dict)
    sign: Signer | None = None
    nonce: Callable[[], str] = new_nonce

    def __repr__(self) -> str:
        return f"LogonRecipe(tags {', '.join(str(each.tag) for each in self.profile.fields)})"

    def body(self, header: Mapping[str, str]) -> Body:
        """The fields; `header` has the values of the Logon's header fields and times by their names in templates.

        A data field follows its length field; an empty field is left out."""
        values = {"username": "", "password": "", **self.credentials, **header, "nonce": self.nonce()}
        found: list[tuple[int, str | int]] = []
        for template in self.profile.fields:
            if "signature" in names_in(template.value):
                values["signature"] = self._signature(values)
            text = fill(template.value, values)
            values[str(template.tag)] = text
            if not text:
                continue
            length_tag = tags.LENGTH_OF_DATA.get(template.tag)
            if length_tag is not None:
                found.append((length_tag, len(text.encode())))
            found.append((template.tag, text))
        return tuple(found)

    def redact(self, text: str) -> str:
        """A text of the peer without our secrets, should it repeat one."""
        for name, secret in self.credentials.items():
            if name != "username" and len(secret) >= _SHORTEST_REDACTED:
                text = text.replace(secret, _HIDDEN)
        return text

    def redact_texts(self, fields: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        """Fields of the peer, those of free text without our secrets. Others stay: a number may equal a password."""
        if not self.credentials:
            return fields
        return [(t, self.redact(as_text(v)).encode() if t in tags.TEXTS else v) for t, v in fields]

    def _signature(self, values: Mapping[str, str]) -> str:
        signature = self.profile.signature
        assert signature is not None and self.sign is not None  # a profile without them has no {signature}
        signed = self.sign(fill(signature.over, values).encode())
        match signature.encoding:
            case "hex":
                return signed.hex()
            case "base64url":
                return base64.urlsafe_b64encode(signed).decode()
        return base64.b64encode(signed).decode()


NO_CREDENTIALS = LogonRecipe()


def logon_values(identity: Identity, seq_num: int, heartbeat_s: int, wall_ns: int) -> dict[str, str]:
    """The header fields and times of a Logon that is sent at `wall_ns`, by their names in templates."""
    return {
        "SenderCompID": identity.sender_comp_id,
        "TargetCompID": identity.target_comp_id,
        "SenderSubID": identity.sender_sub_id or "",
        "TargetSubID": identity.target_sub_id or "",
        "MsgType": tags.LOGON,
        "MsgSeqNum": str(seq_num),
        "SendingTime": identity.sending_time(wall_ns),
        "HeartBtInt": str(heartbeat_s),
        "timestamp_ms": str(wall_ns // 1_000_000),
    }


def password_logon(username: str | None, password: str | None) -> LogonRecipe:
    """Username (553) and Password (554), each if there is one."""
    given = {"username": username, "password": password}
    return LogonRecipe(credentials={name: value for name, value in given.items() if value is not None})
