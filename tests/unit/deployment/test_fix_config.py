"""The rules of engagement agree with the dictionaries and with the service's own texts; every example is valid."""

import re
from xml.etree import ElementTree

import pytest
import quickfix as fix

from quotelife.config.shipped import FIX_CONFIG
from quotelife.decision import refusal
from quotelife.fix.versions import SOH, VERSIONS
from quotelife.metrics.labels import CANCEL_REASONS
from quotelife.rfq.messages import has_group
from quotelife.rfq.terms import hit_checks as R
from quotelife.runtime.clock import NS_PER_MS
from quotelife_models.reasons import REASONS, REFUSALS
from tests.standard import STANDARD
from tests.unit.rfq.rfq_rig import Rig
from tests.unit.rfq.terms.terms_rig import TermsRig

FOLDER = FIX_CONFIG
README = (FOLDER / "README.md").read_text(encoding="utf-8")
COLUMNS = {"4.2": "FIX42.xml", "4.4": "FIX44.xml", "5.0SP2": "FIX50SP2.xml"}
SESSION = {"5.0SP2": "FIXT11.xml"}  # where the messages of the session are
OF_VENUES = frozenset("VWXYBfhxycd")
OF_SESSION = frozenset("012345A")
Fields = list[tuple[int, int, str, bool]]  # depth, tag, name, required


def dictionary(file: str) -> ElementTree.Element:
    return ElementTree.parse(FOLDER / file).getroot()


def in_dictionary(file: str, msg_type: str) -> Fields:
    """The fields of a message, groups unfolded; empty if the version does not have it."""
    root = dictionary(file)
    numbers = {f.get("name"): int(f.get("number", "0")) for f in root.findall("fields/field")}

    def fields(element: ElementTree.Element, depth: int) -> Fields:
        found: Fields = []
        for child in element:
            name = child.get("name", "")
            found.append((depth, numbers[name], name, child.get("required") == "Y"))
            found += fields(child, depth + 1)
        return found

    message = root.find(f"messages/message[@msgtype='{msg_type}']")
    return [] if message is None else fields(message, 0)


def tables() -> dict[str, tuple[str, list[list[str]]]]:
    """Name and rows of the table under each heading `### Name `type``."""
    found: dict[str, tuple[str, list[list[str]]]] = {}
    parts = re.split(r"^### (\w+) `(\w+)`$", README, flags=re.MULTILINE)[1:]
    for name, msg_type, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
        found[msg_type] = name, rows[1:]
    return found


TABLES = tables()


def in_readme(msg_type: str, column: str) -> Fields:
    found: Fields = []
    position = 2 + list(COLUMNS).index(column)
    for row in TABLES[msg_type][1]:
        needed = row[position]
        if needed == "–":
            continue
        assert needed in ("required", "optional"), row
        name, _, old = row[1].partition(" (4.2: ")
        tag = row[0].split()[-1]
        found.append(
            (row[0].count("›"), int(tag), old.rstrip(")") if old and column == "4.2" else name, needed == "required")
        )
    return found


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("msg_type", TABLES)
def test_the_tables_are_the_dictionaries(msg_type, column):
    file = SESSION.get(column, COLUMNS[column]) if msg_type == "A" else COLUMNS[column]
    assert sorted(in_readme(msg_type, column)) == sorted(in_dictionary(file, msg_type))


@pytest.mark.parametrize("column", COLUMNS)
def test_every_message_to_and_from_clients_has_a_table(column):
    messages = {m.get("msgtype"): m.get("name") for m in dictionary(COLUMNS[column]).findall("messages/message")}
    ours = {kind: name for kind, name in messages.items() if kind not in OF_VENUES | OF_SESSION}
    assert {kind: TABLES[kind][0] for kind in ours} == ours


def test_fields_mean_the_same_in_all_dictionaries():
    values: dict[str, dict[str, str]] = {}
    for file in COLUMNS.values():
        for field in dictionary(file).findall("fields/field"):
            known = values.setdefault(field.get("number", ""), {})
            for value in field:
                enum, description = value.get("enum", ""), value.get("description", "")
                if (field.get("number"), enum) != ("150", "2"):  # FILL, which 4.4 calls TRADE
                    assert known.setdefault(enum, description) == description, field.get("name")


def examples() -> list[str]:
    blocks = re.findall(r"^```fix\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


class Checker:
    """The engine's own dictionaries, strict."""

    def __init__(self) -> None:
        self.of = {
            v.begin_string: [fix.DataDictionary(str(FOLDER / f)) for f in (v.transport, v.dictionary) if f]
            for v in VERSIONS.values()
        }

    def check(self, text: str) -> fix.Message:
        """The message; raises what the engine has against it."""
        begin = text[2 : text.index("\x01")]
        dictionaries = self.of[begin]
        message = fix.Message(text, *dictionaries, True) if has_group(text) else fix.Message(text, True)
        if len(dictionaries) == 1 or message.getHeader().getField(35) in OF_SESSION:
            dictionaries[0].validate(message)
        else:
            fix.DataDictionary.validate(message, *dictionaries)
        return message


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker()


@pytest.mark.parametrize("example", examples())
def test_an_example_is_a_message_of_its_version(checker, example):
    assert "\x01" not in example and example.endswith("|")
    message = checker.check(example.replace("|", "\x01"))
    fields = [field.split("=", 1) for field in message.toString().split("\x01")[:-1]]
    assert sorted(f"{tag}={value}" for tag, value in fields) == sorted(example[:-1].split("|"))


def test_what_is_sent_is_the_standards_outside_of_extensions():
    extended = re.search(r"^### Extensions\n.*?^## ", README, re.MULTILINE | re.DOTALL)
    assert extended is not None
    names = {version.begin_string: name for name, version in VERSIONS.items()}
    for line in examples():
        if "|49=QUOTELIFE|" in line:
            found = STANDARD[names[line[2 : line.index("|")]]].violations(line.replace("|", SOH))
            assert bool(found) == (line in extended[0]), (line, found)


def test_the_checker_finds_what_is_wrong(checker):
    good = next(line for line in examples() if "|35=S|" in line).replace("|", "\x01")
    with pytest.raises(fix.InvalidMessage):
        checker.check(good.replace("\x0134=2\x01", "\x0134=3\x01"))


def test_there_are_examples_of_every_kind_in_every_version():
    kinds = {(line[2 : line.index("|")], re.search(r"\|35=(\w+)\|", line)[1]) for line in examples()}
    assert {kind for begin, kind in kinds if begin == "FIX.4.4"} == {"A", "R", "S", "AG", "AJ", "D", "8", "AI", "Z"}
    assert {"R", "S", "D", "8", "a", "b"} <= {kind for begin, kind in kinds if begin == "FIX.4.2"}
    assert {"A", "AG", "AI", "Z", "a"} <= {kind for begin, kind in kinds if begin == "FIXT.1.1"}


def texts(messages: list[str]) -> set[tuple[str, str, str]]:
    """(BeginString, MsgType, Text) of each message that has a Text; identifiers, symbols and times are masked."""
    found = set()
    for message in messages:
        tags = dict(field.split("=", 1) for field in message.replace("|", "\x01").split("\x01")[:-1])
        if "58" in tags:
            text = re.sub(r"\b[QEF][0-9a-f]+-\d+|BTC-USD|NO-SUCH|\d{8}-[\d:.]+", "*", tags["58"])
            found.add((tags["8"], tags["35"], text))
    return found


def test_texts_in_the_examples_are_those_that_the_service_sends(tmp_path):
    rig = Rig(tmp_path)
    sent: list[str] = []

    def send(msg_type: str, body: str) -> None:
        sent.extend(rig.answer(msg_type, body).messages)

    def quote_id(request_id: str) -> str:
        return rig.ask(request_id)["117"]

    send("R", "131=a|146=1|55=NO-SUCH|54=1|38=1")
    send("a", f"649=s|117={quote_id('b')}|55=BTC-USD")
    send("a", "117=Q0-1|55=BTC-USD")
    send("AJ", f"693=p|117={quote_id('c')}|694=6|55=BTC-USD")
    send("Z", f"117={quote_id('d')}|298=1|295=1|55=BTC-USD")
    late = quote_id("e")
    rig.sleep(60_000)
    send("D", f"11=o|117={late}|55=BTC-USD|54=1|38=1.5|40=D")
    (tmp_path / "terms").mkdir()
    sent += TermsRig(tmp_path / "terms").answer("R", "131=g|146=1|55=EUR/USD|54=1|38=1|64=20270301").messages
    rig.mono_ns += 60_000 * NS_PER_MS  # the market-data process runs, its venue is silent
    rig.board.beat(rig.mono_ns)
    send("R", "131=f|146=1|55=BTC-USD|54=1|38=1")
    translated = [v.to_standard(text) for v in VERSIONS.values() for text in sent]
    assert texts(examples()) - texts(translated) == set()
    assert len(texts(examples())) >= 9


def test_every_lifetime_reason_is_listed():
    part = README[README.index("\n## Lifetime reasons") : README.index("\n## Repeated messages")]
    of_quotes, of_cancels = (set(re.findall(r"^\| `(\w+)`", each, re.MULTILINE)) for each in part.split("QuoteCancel"))
    assert of_quotes == set(REASONS) - {REASONS[code] for code in REFUSALS} - {"none"}
    assert of_cancels == set(CANCEL_REASONS) - {
        "replaced",
        "cancelled_by_client",
        "session_ended",
    }  # none sends a message


def rejection_table(heading: str) -> dict[str, str]:
    """Code in FIX.4.4 to code in FIX.4.2, empty where there is none."""
    part = README[README.index(f"\n## {heading}\n") :].split("\n## ")[1]
    return {row[0]: row[1].strip() for row in re.findall(r"^\| (\d+) \|([ \d]*)\|", part, re.MULTILINE)}


def in_fix42(message: str, tag: int) -> str:
    found = re.search(rf"\x01{tag}=(\d+)\x01", VERSIONS["FIX.4.2"].to_standard(message.replace("|", "\x01")))
    return found[1] if found else ""


def test_every_code_of_a_refused_request_is_listed_with_its_translation():
    codes = {str(value.code) for value in vars(refusal).values() if isinstance(value, refusal.RefusalReason)}
    message = "8=FIX.4.4|9=0|35=AG|131=r|658={}|58=t|10=000|"
    assert rejection_table("Refused requests") == {code: in_fix42(message.format(code), 300) for code in codes}


def test_every_code_of_a_refused_hit_is_listed_with_its_translation():
    table = rejection_table("Refused hits")
    codes = (
        *(R.UNKNOWN_SYMBOL, R.OVER_SIZE, R.TOO_LATE, R.UNKNOWN_ORDER, R.DUPLICATE_ORDER, R.STALE),
        *(R.UNSUPPORTED, R.INCORRECT_QUANTITY, R.OTHER),
    )
    message = "8=FIX.4.4|9=0|35=8|17=e|103={}|10=000|"
    assert table == {code: in_fix42(message.format(code), 103) for code in map(str, codes)}
