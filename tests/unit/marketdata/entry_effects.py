"""What entries do, case by case: the text of an X or W on a known book, and the book or the reason afterwards.

A before: bids 100 (1, id s0) and 99.5 (2, s1); offers 101 (3, s2) and 102 (4, s3). B before: 50 (5, t0) and 51 (6, t1).
Symbols are A and B; SecurityIDs a1 and b1 where a case says so. Ticks of 0.5, lots of 1.
"""

from typing import Any, NamedTuple

SNAPSHOT = {
    "A": "269=0 278=s0 270=100 271=1 | 269=0 278=s1 270=99.5 271=2"
    " | 269=1 278=s2 270=101 271=3 | 269=1 278=s3 270=102 271=4",
    "B": "269=0 278=t0 270=50 271=5 | 269=1 278=t1 270=51 271=6",
}
# The model "best" holds one quote a side.
BEST_SNAPSHOT = {
    "A": "269=0 278=s0 270=100 271=1 | 269=1 278=s2 270=101 271=3",
    "B": "269=0 278=t0 270=50 271=5 | 269=1 278=t1 270=51 271=6",
}
POSITION_SNAPSHOT = {
    "A": "269=0 1023=1 270=100 271=1 | 269=0 1023=2 270=99.5 271=2"
    " | 269=1 1023=1 270=101 271=3 | 269=1 1023=2 270=102 271=4",
    "B": "269=0 1023=1 270=50 271=5 | 269=1 1023=1 270=51 271=6",
}
ALL_ACTIONS = {
    "0": "new",
    "1": "change",
    "2": "delete",
    "3": "delete_thru",
    "4": "delete_from",
    "5": "overlay",
}
OTHER_ACTIONS = ALL_ACTIONS | {"3": "append", "6": "delete_all"}


class Effect(NamedTuple):
    model: str
    entries: str
    after: str  # A's "bids / offers" as price:size, best first; or the reason
    b: str = "live"  # or the reason for B
    book: dict | None = None  # keys of the profile's [book]
    depth: int = 0
    security_ids: bool = False
    msg_type: str = "X"

    @property
    def name(self) -> str:
        return f"{self.model}: {self.msg_type} {self.entries} -> {self.after}"


def W(model: str, entries: str, after: str, **more: Any) -> Effect:
    """An effect of a W for A."""
    return Effect(model, "55=A ||" + entries, after, msg_type="W", **more)


UNCHANGED = "100:1 99.5:2 / 101:3 102:4"
BEST_UNCHANGED = "100:1 / 101:3"
P, R, B, N = "price", "order", "best", "position"
STRICT = {"unknown_levels": "invalidate"}
NO_IDS = {"entry_id": "ignored"}
UNKNOWN = {"unknown_orders": "ignored"}
L3 = {"entries_without_id": "ignored", "fills": "reduce"}
SIX = {"actions": ALL_ACTIONS}
QST = {"actions": OTHER_ACTIONS}

EFFECTS = [
    # --- entry types
    Effect(P, "279=2 269=J 55=A", " / "),
    Effect(P, "279=0 269=J 55=A | 279=0 269=0 270=98 271=7", "98:7 / "),
    Effect(P, "279=3 269=J 55=A", "unknown_action"),
    Effect(P, "269=J 55=A", "missing_field"),
    Effect(R, "279=2 269=J 55=A", " / "),
    Effect(N, "279=2 269=J 55=A", " / "),
    Effect(B, "279=2 269=J 55=A", " / "),
    Effect(P, "279=0 269=E 55=A 270=100.5 271=5 | 279=0 269=4 270=1 271=1 | 279=9 269=z", UNCHANGED),
    Effect(P, "279=0 269=xy 55=A 270=100.5 271=5", "unknown_type"),
    Effect(P, "279=0 269=+ 55=A 270=100.5 271=5", "unknown_type"),
    Effect(P, "279=0 55=A 270=100.5 271=5", "missing_field"),
    Effect(P, "279=0 269=2 55=A 270=100.5 271=5 | 279=2 269=2 278=t9 270=100", UNCHANGED),
    # --- actions
    Effect(P, "279=6 269=0 55=A 270=100 271=5", "unknown_action"),
    Effect(P, "279=3 269=0 55=A 270=100 271=5", "unknown_action"),
    Effect(P, "269=0 55=A 270=100 271=5", "missing_field"),
    # --- the grid and absent fields
    Effect(P, "279=0 269=0 55=A 270=100.7 271=5", "off_grid"),
    Effect(P, "279=0 269=0 55=A 270=100.5 271=1.5", "off_grid"),
    Effect(P, "279=0 269=0 55=A 270=100.50 271=1.0", "100.5:1 100:1 99.5:2 / 101:3 102:4"),
    Effect(P, "279=0 269=0 55=A 271=5", "missing_field"),
    Effect(P, "279=1 269=0 55=A 270=100", "missing_field"),
    Effect(P, "279=2 269=0 55=A", "missing_field"),
    Effect(P, "279=1 269=0 55=A 270=abc 271=1", "malformed"),
    Effect(P, "279=1 269=0 55=A 270= 271=1", "malformed"),
    Effect(P, "279=1 269=0 55=A 270=100 271=-1", "malformed"),
    Effect(P, "279=1 269=0 55=A 270=100 271=1 346=x", "malformed"),
    Effect(P, "279=1 269=0 55=A 270=100 270=99 271=1", "malformed"),
    Effect(P, "279=1 269=0 55=B 270=abc 271=1", UNCHANGED, "malformed"),
    # --- instruments
    Effect(P, "279=0 269=0 55=Z 270=100 271=5 | 279=0 269=0 270=100 271=5", UNCHANGED),
    Effect(P, "279=0 269=0 270=100 271=5", "unknown_instrument", "unknown_instrument"),
    Effect(P, "279=0 269=0 55= 270=100 271=5", "unknown_instrument", "unknown_instrument"),
    Effect(P, "279=0 269=0 48=a1 270=100 271=5", "100:5 99.5:2 / 101:3 102:4", security_ids=True),
    Effect(P, "279=0 269=0 55= 48=a1 270=100 271=5", "100:5 99.5:2 / 101:3 102:4", security_ids=True),
    Effect(P, "279=0 269=0 48=z1 270=100 271=5", UNCHANGED, security_ids=True),
    Effect(P, "279=0 269=0 48=z1 270=100 271=5", "unknown_instrument", "unknown_instrument"),
    Effect(P, "279=2 269=0 278=s0", "99.5:2 / 101:3 102:4"),
    Effect(P, "279=2 278=s0", "99.5:2 / 101:3 102:4"),
    Effect(P, "279=1 269=1 278=s2 270=101.5 271=8", "100:1 99.5:2 / 101.5:8 102:4"),
    Effect(P, "279=2 269=0 278=nobody", "unknown_entry", "unknown_entry"),
    Effect(R, "279=2 269=0 278=nobody", "unknown_entry", "unknown_entry"),
    Effect(R, "279=2 269=0 55=A 278=t0", "unknown_entry"),
    Effect(R, "279=0 269=0 55=B 278=s1 270=49 271=1 | 279=2 278=s1", UNCHANGED),
    Effect(R, "279=0 269=0 55=B 278=s1 270=49 271=1 | 279=0 269=4 55=A | 279=2 278=s1", "100:1 / 101:3 102:4"),
    Effect(
        R,
        "279=0 269=0 55=B 278=s1 270=49 271=1 | 279=0 269=4 55=Z | 279=2 278=s1",
        "unknown_entry",
        "unknown_entry",
    ),
    Effect(P, "279=2 269=0 278=s0", "unknown_instrument", "unknown_instrument", book=NO_IDS),
    # --- model price, without ids
    Effect(P, "279=1 269=0 55=A 270=100 271=5", "100:5 99.5:2 / 101:3 102:4"),
    Effect(P, "279=1 269=0 55=A 270=98 271=5", "100:1 99.5:2 98:5 / 101:3 102:4"),
    Effect(P, "279=1 269=0 55=A 270=98 271=5", "unknown_entry", book=STRICT),
    Effect(P, "279=0 269=0 55=A 270=98 271=5", "100:1 99.5:2 98:5 / 101:3 102:4", book=STRICT),
    Effect(P, "279=2 269=0 55=A 270=98", UNCHANGED),
    Effect(P, "279=2 269=0 55=A 270=98", "unknown_entry", book=STRICT),
    Effect(P, "279=2 269=0 55=A 270=100", "99.5:2 / 101:3 102:4"),
    Effect(P, "279=1 269=0 55=A 270=100 271=0", "99.5:2 / 101:3 102:4"),
    Effect(P, "279=3 269=1 55=A 270=101", "100:1 99.5:2 / 102:4", book=SIX),
    Effect(P, "279=3 269=1 55=A 270=102", "100:1 99.5:2 / ", book=SIX),
    Effect(P, "279=4 269=0 55=A 270=99.5", "100:1 / 101:3 102:4", book=SIX),
    Effect(P, "279=4 269=0 55=A 270=99", "unknown_entry", book=SIX),
    Effect(P, "279=5 269=0 55=A 270=99 271=1", "100:1 99.5:2 99:1 / 101:3 102:4", book=SIX),
    Effect(P, "279=6 269=0 55=A", " / 101:3 102:4", book=QST),
    Effect(P, "279=3 269=0 55=A 270=99 271=3", "100:1 99.5:2 99:3 / 101:3 102:4", book=QST),
    Effect(P, "279=3 269=0 55=A 270=99.5 271=3", "out_of_order", book=QST),
    # --- with ids
    Effect(P, "279=0 269=0 55=A 278=s0 270=98 271=5", "duplicate_entry"),
    Effect(P, "279=0 269=0 55=A 278=n 270=100 271=5", "duplicate_entry"),
    Effect(P, "279=0 269=0 55=A 278=s0 270=100 271=5", "100:5 99.5:2 / 101:3 102:4"),
    Effect(P, "279=0 269=1 55=A 278=s0 270=105 271=5", "duplicate_entry"),
    Effect(P, "279=1 269=0 55=A 278=s0 270=98 271=5", "99.5:2 98:5 / 101:3 102:4"),
    Effect(P, "279=1 269=0 55=A 278=s0 270=99.5 271=5", "duplicate_entry"),
    Effect(P, "279=1 269=1 55=A 278=s0 270=98 271=5", "unknown_entry"),
    Effect(P, "279=1 269=0 55=A 278=n 270=100 271=5", "unknown_entry"),
    Effect(P, "279=1 269=0 55=A 278=n 270=98 271=5", "unknown_entry"),
    Effect(
        P,
        "279=0 269=0 55=A 270=98 271=5 | 279=1 269=0 278=n 55=A 270=98 271=6 | 279=2 278=n",
        UNCHANGED,
    ),
    Effect(P, "279=1 269=0 55=A 278=n 280=s0 270=98 271=5 | 279=2 278=n", "99.5:2 / 101:3 102:4"),
    Effect(P, "279=1 269=0 55=A 278=n 280=s0 270=100 271=5 | 279=2 269=0 55=A 278=s0", "unknown_entry"),
    Effect(P, "279=1 269=0 278=n 280=s0 270=98 271=5", "99.5:2 98:5 / 101:3 102:4"),
    Effect(P, "279=1 269=0 55=A 280=s0 270=98 271=5", "99.5:2 98:5 / 101:3 102:4"),
    Effect(P, "279=1 269=0 55=A 278=n 280=m 270=98 271=5", "unknown_entry"),
    Effect(P, "279=1 269=0 55=A 278=s1 280=s0 270=98 271=5", "duplicate_entry"),
    Effect(P, "279=2 269=0 55=A 278=s0 270=99.5", "unknown_entry"),
    Effect(P, "279=2 269=0 55=A 278=n 270=100", "unknown_entry"),
    Effect(P, "279=2 269=0 55=A 270=100 | 279=0 269=0 55=A 278=s0 270=98 271=1", "99.5:2 98:1 / 101:3 102:4"),
    Effect(P, "279=1 269=0 55=A 278=n 270=100 271=5", "100:5 99.5:2 / 101:3 102:4", book=NO_IDS),
    Effect(P, "279=1 269=0 55=A 278=n 280=s0 270=100 271=5", "unsupported", book=NO_IDS),
    Effect(P, "279=0 269=0 55=A 278=n 280=s0 270=98 271=5", "unsupported"),
    # --- window
    Effect(P, "279=0 269=0 55=A 270=100.5 271=9", "100.5:9 100:1 / 101:3 102:4", depth=2),
    Effect(P, "279=0 269=0 55=A 270=99 271=9", "window", depth=2),
    Effect(P, "279=0 269=0 55=A 270=99 271=9", "100:1 99.5:2 99:9 / 101:3 102:4", book={"window": "none"}, depth=2),
    Effect(P, "279=1 269=0 55=A 270=99.5 271=9 | 279=0 269=0 270=100.5 271=1", "100.5:1 100:1 / 101:3 102:4", depth=2),
    Effect(P, "279=0 269=0 55=A 270=99 271=9 | 279=2 269=0 270=100", "99.5:2 99:9 / 101:3 102:4", depth=2),
    # --- model best
    Effect(P, "279=0 269=0 55=A 270=99 271=9", "99:9 / 101:3", depth=1),
    Effect(B, "279=1 269=0 55=A 270=99 271=9", "99:9 / 101:3"),
    Effect(B, "279=0 269=0 55=A 278=n 270=99 271=9 | 279=2 269=0 278=s0", "99:9 / 101:3"),
    Effect(B, "279=0 269=0 55=A 270=99 271=9 | 279=2 269=0 270=100", "99:9 / 101:3"),
    Effect(B, "279=2 269=0 55=A", " / 101:3"),
    Effect(B, "279=2 269=0 55=A 270=100", " / 101:3"),
    Effect(B, "279=2 278=s0", " / 101:3"),
    Effect(B, "279=2 269=0 55=A 270=99", "unknown_entry"),
    Effect(B, "279=2 269=0 55=A 278=n", "unknown_entry"),
    Effect(B, "279=1 269=0 55=A 278=n 280=s0 270=99 271=9", "99:9 / 101:3"),
    Effect(B, "279=1 269=0 55=A 278=n 280=m 270=99 271=9", "unknown_entry"),
    Effect(B, "279=1 269=0 55=A 278=s2 270=99 271=9", "unknown_entry"),
    Effect(B, "279=4 269=0 55=A 270=99 271=9", "unknown_action", book=SIX),
    # --- model order
    Effect(R, "279=0 269=0 55=A 278=n 270=100 271=5 | 279=2 278=s0", "100:5 99.5:2 / 101:3 102:4"),
    Effect(R, "279=0 269=0 55=A 270=100 271=5", "missing_field"),
    Effect(R, "279=0 269=0 55=A 278=s1 270=100 271=5", "duplicate_entry"),
    Effect(R, "279=1 269=0 55=A 278=n 270=100.5 271=5", "unknown_entry"),
    Effect(R, "279=1 55=A 278=s0 271=5", "100:5 99.5:2 / 101:3 102:4"),
    Effect(R, "279=1 55=A 278=s0 270=99.5", "99.5:3 / 101:3 102:4"),
    Effect(R, "279=1 269=1 55=A 278=s0 270=103 271=1", "99.5:2 / 101:3 102:4 103:1"),
    Effect(R, "279=1 269=0 55=A 278=n 280=s0 270=100 271=7 | 279=2 278=n 55=A", "99.5:2 / 101:3 102:4"),
    Effect(R, "279=1 269=0 55=A 278=s1 280=s0 270=100 271=7", "duplicate_entry"),
    Effect(R, "279=2 269=1 55=A 278=s0", "unknown_entry"),
    Effect(R, "279=2 55=A 278=s0 280=s1", "unknown_entry"),
    Effect(R, "279=5 269=0 55=A 278=s0 270=99 271=9", "unknown_action", book=SIX),
    Effect(R, "279=1 269=0 55=A 270=100 271=5", UNCHANGED, book=L3),
    Effect(R, "279=2 55=A", "missing_field", book=L3),
    Effect(R, "279=0 269=2 55=A 278=s2 271=2", "100:1 99.5:2 / 101:1 102:4", book=L3),
    Effect(R, "279=0 269=2 55=A 278=s2 271=3", "100:1 99.5:2 / 102:4", book=L3),
    Effect(R, "279=0 269=2 55=A 278=s2 271=4", "unknown_entry", book=L3),
    Effect(R, "279=0 269=2 55=A 278=s2", "missing_field", book=L3),
    Effect(R, "279=0 269=2 55=A 278=n 271=4", UNCHANGED, book=L3),
    Effect(R, "279=2 269=2 55=A 278=s2 271=2", UNCHANGED, book=L3),
    Effect(R, "279=0 269=2 55=A 278=s2 271=2", UNCHANGED),
    Effect(R, "279=0 269=2 278=s2 271=2", "unknown_instrument", "unknown_instrument", book=L3),
    Effect(R, "279=2 269=0 55=A 278=n | 279=1 269=0 278=n 270=98 271=1", UNCHANGED, book=UNKNOWN),
    Effect(R, "279=2 269=0 55=A 278=n 280=s1", "unknown_entry", book=UNKNOWN),
    Effect(R, "279=2 278=n", UNCHANGED, book=UNKNOWN),
    Effect(R, "279=2 278=n | 279=0 269=0 278=m 270=98 271=1", "unknown_instrument", "unknown_instrument", book=UNKNOWN),
    # --- model position
    Effect(N, "279=0 269=0 55=A 1023=1 270=100.5 271=9", "100.5:9 100:1 99.5:2 / 101:3 102:4"),
    Effect(N, "279=0 269=0 55=A 1023=2 270=100.5 271=9", "out_of_order"),
    Effect(N, "279=0 269=0 55=A 1023=4 270=98 271=9", "out_of_order"),
    Effect(N, "279=0 269=0 55=A 270=98 271=9", "missing_field"),
    Effect(N, "279=0 269=0 55=A 1023=0 270=98 271=9", "malformed"),
    Effect(N, "279=0 269=0 55=A 290=3 270=98 271=9", "100:1 99.5:2 98:9 / 101:3 102:4", book={"level_tag": 290}),
    Effect(N, "279=1 269=0 55=A 1023=2 271=9", "100:1 99.5:9 / 101:3 102:4"),
    Effect(N, "279=1 269=0 55=A 1023=2 270=99.5 271=9", "100:1 99.5:9 / 101:3 102:4"),
    Effect(N, "279=1 269=0 55=A 1023=2 270=99 271=9", "out_of_order"),
    Effect(N, "279=1 269=0 55=A 1023=3 271=9", "unknown_entry"),
    Effect(N, "279=5 269=0 55=A 1023=2 270=99 271=9", "100:1 99:9 / 101:3 102:4", book=SIX),
    Effect(N, "279=2 269=0 55=A 1023=1", "99.5:2 / 101:3 102:4"),
    Effect(N, "279=2 269=0 55=A 1023=1 270=99.5", "unknown_entry"),
    Effect(N, "279=2 269=0 55=A 1023=3", "unknown_entry"),
    Effect(N, "279=4 269=1 55=A 1023=1", "100:1 99.5:2 / ", book=SIX),
    Effect(N, "279=3 269=1 55=A 1023=1", "100:1 99.5:2 / 102:4", book=SIX),
    Effect(N, "279=6 269=1 55=A", "100:1 99.5:2 / ", book=QST),
    Effect(N, "279=3 269=1 55=A 270=103 271=1", "100:1 99.5:2 / 101:3 102:4 103:1", book=QST),
    Effect(N, "279=0 269=0 55=A 1023=1 270=100.5 271=9", "100.5:9 100:1 / 101:3 102:4", depth=2),
    Effect(N, "279=0 269=0 55=A 1023=3 270=98 271=9", "window", depth=2),
    Effect(
        N,
        "279=0 269=0 55=A 1023=1 270=100.5 271=9 | 279=2 269=0 1023=2",
        "100.5:9 / 101:3 102:4",
        depth=2,
    ),
    # --- fields before the group
    Effect(P, "55=A || 279=0 269=0 270=100 271=5 | 279=2 269=0 278=s1", "100:5 / 101:3 102:4"),
    Effect(P, "55=A || 279=2 269=0 278=t0", "unknown_entry"),
    Effect(P, "48=a1 || 279=0 269=0 270=100 271=5", "100:5 99.5:2 / 101:3 102:4", security_ids=True),
    Effect(P, "262=77 || 279=0 269=0 55=A 270=100 271=5", "100:5 99.5:2 / 101:3 102:4"),
    Effect(P, "262=76 || 279=0 269=0 55=A 270=100.7 271=5 | 279=0 269=xy", UNCHANGED),
    # --- W
    W(P, "269=0 270=98 271=1 | 269=1 270=99 271=2", "98:1 / 99:2"),
    W(P, "", "unsupported"),
    W(P, "269=0 270=98 271=1 | 269=0 270=98 271=2", "duplicate_entry"),
    W(P, "269=0 278=x 270=98 271=1 | 269=1 278=x 270=99 271=2", "duplicate_entry"),
    W(P, "269=0 270=98 271=0 | 269=1 270=99 271=2", " / 99:2"),
    W(P, "269=0 270=98 | 269=1 270=99 271=2", "missing_field"),
    W(P, "270=98 271=1", "missing_field"),
    W(P, "269=0 270=98.1 271=1", "off_grid"),
    W(P, "269=xy 270=98 271=1", "unknown_type"),
    W(P, "269=4 270=98.1", UNCHANGED),
    W(P, "269=J", " / "),
    W(P, "279=2 269=0 270=98 271=1", "unknown_action"),
    W(P, "269=0 270=98 271=1 | 269=0 270=97 271=1 | 269=0 270=96 271=1", "window", depth=2),
    W(B, "269=0 270=98 271=1 | 269=1 270=99 271=2", "98:1 / 99:2"),
    W(B, "269=0 270=98 271=1 | 269=0 270=97 271=2", "duplicate_entry"),
    W(R, "269=0 278=x 270=98 271=1 | 269=0 278=y 270=98 271=2", "98:3 / "),
    W(R, "269=0 278=x 270=98 271=1 | 269=0 278=x 270=97 271=2", "duplicate_entry"),
    W(R, "269=0 270=98 271=1", "missing_field"),
    W(N, "269=0 1023=2 270=97 271=1 | 269=0 1023=1 270=98 271=2", "98:2 97:1 / "),
    W(N, "269=0 270=98 271=1 | 269=1 270=99 271=2 | 269=0 270=97 271=2", "98:1 97:2 / 99:2"),
    W(N, "269=0 1023=2 270=97 271=1", "out_of_order"),
    W(N, "269=0 1023=1 270=97 271=1 | 269=0 1023=2 270=98 271=1", "out_of_order"),
    W(N, "269=0 1023=1 270=97 271=1 | 269=0 1023=1 270=98 271=1", "duplicate_entry"),
    W(N, "269=0 1023=1 270=97 271=1 | 269=0 270=96 271=1", "missing_field"),
    W("snapshots", "269=0 270=98 271=1 | 269=0 270=98 271=2", "duplicate_entry"),
    W("tiers", "269=0 270=98 271=1 | 269=0 270=97 271=3 | 269=0 270=97 271=7", "98:1 97:6 / "),
    W("tiers", "269=1 270=98 271=5 | 269=1 270=97 271=7", "out_of_order"),
    W("tiers", "269=1 270=98 271=5 | 269=1 270=98 271=5", "duplicate_entry"),
    W(
        "tiers",
        "269=1 270=97 271=5 | 269=1 270=98 271=7 | 269=1 270=97 271=5",
        " / 97:10 98:7",
        book={"tier_sizes": "separate"},
    ),
    Effect(P, "262=76 55=A || 269=0 270=98 271=1", UNCHANGED, msg_type="W"),
    Effect(P, "55=Z || 269=0 270=98 271=1", UNCHANGED, msg_type="W"),
    Effect(P, "262=77 || 269=0 270=98 271=1", "unknown_instrument", "unknown_instrument", msg_type="W"),
    Effect(P, "48=a1 || 269=0 270=98 271=1", "98:1 / ", security_ids=True, msg_type="W"),
    Effect(P, "55=A || 269=0 270=98 271=1", UNCHANGED, book={"unrequested_snapshot": "ignore"}, msg_type="W"),
    Effect(P, "55=A 893=N || 269=0 270=98 271=1", "waiting", msg_type="W"),
    # --- snapshots and tiers
    Effect("snapshots", "279=0 269=0 55=A 270=100 271=1", "unsupported"),
    Effect("tiers", "279=1 269=0 55=A 270=100 271=1", "unsupported"),
    Effect("tiers", "279=0 269=2 55=A 270=100 271=1", "100:1 99.5:1 / 101:3 102:1"),
    Effect("tiers", "279=0 269=2 55=A 270=100 271=1", UNCHANGED, book={"tier_sizes": "separate"}),
]


def snapshot_for(effect: Effect) -> dict[str, str]:
    if effect.model == "position":
        tag = (effect.book or {}).get("level_tag", 1023)
        return {symbol: text.replace("1023=", f"{tag}=") for symbol, text in POSITION_SNAPSHOT.items()}
    return BEST_SNAPSHOT if effect.model == "best" or effect.depth == 1 else SNAPSHOT


def fields(text: str) -> list[tuple[int, str]]:
    """Fields before || if it is there, NoMDEntries, and those of entries that | separates."""
    head, _, group = text.rpartition("||")
    entries = [entry.split() for entry in group.split("|") if entry.strip()]
    items = [*head.split(), f"268={len(entries)}", *(item for entry in entries for item in entry)]
    return [(int(tag), value) for tag, _, value in (item.partition("=") for item in items)]
