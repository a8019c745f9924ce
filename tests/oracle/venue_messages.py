"""Draws W and X messages of a venue session: mostly valid for the books as they are, with rare faults."""

from random import Random

from tests.oracle.venue_book import LIVE, NONE, VenueBooks, kraken_crc32
from tests.oracle.venue_entry import Fields
from tests.oracle.venue_models import BUY, Level

Entry = dict[int, str]
MIDDLE, WIDTH = 200, 12  # prices in ticks: bids below the middle, offers above
TICK = 0.5


def price_text(ticks: int) -> str:
    return f"{ticks * TICK:g}"


class Market:
    """What the venue sends next. `faults`: share of entries with a fault."""

    def __init__(
        self, random: Random, books: VenueBooks, with_ids: bool, sequenced: bool, faults: float, numbered: bool
    ) -> None:
        self.random, self.books = random, books
        self.with_ids = with_ids or books.model == "order"
        self.sequenced, self.faults, self.numbered = sequenced, faults, numbered
        self.names = 0
        self.values = {action: value for value, action in books.rules.actions.items()}
        self.sent = [0] * len(books.books)  # RptSeq

    # --- messages

    def message(self) -> tuple[str, Fields]:
        """MsgType and body. A book that is spoiled may be subscribed again before."""
        random = self.random
        for row, its in enumerate(self.books.instruments):
            if its.state != LIVE and random.random() < (0.1 if its.state == NONE else 0.6):
                return self.snapshot(row)
        if random.random() < (0.5 if self.books.model in ("snapshots", "tiers") else 0.03):
            return self.snapshot(random.randrange(len(self.books.books)))
        return self.increment()

    def snapshot(self, row: int) -> tuple[str, Fields]:
        random, model = self.random, self.books.model
        head = self.address(row)
        request = random.choice(["77", "77", "77", None, None, "76"])
        if request:
            head[262] = request
        if self.sequenced:
            self.sent[row] += random.choice([0, 1])
            head[83] = str(max(0, self.sent[row] - (random.random() < 0.02)))
        if random.random() < 0.05:
            head[893] = random.choice("NNY")
        entries: list[Entry] = []
        room = self.books.depth or 6
        for side in (0, 1):
            levels = 1 if model == "best" else random.randint(0, room)
            prices = random.sample(range(1, WIDTH + 6), min(levels, WIDTH + 5))
            if model == "position":
                prices.sort()
            if model == "tiers":
                prices.sort()
            sizes = sorted(random.sample(range(1, 40), len(prices)))
            for at, (distance, size) in enumerate(zip(prices, sizes, strict=True)):
                entry = {269: str(side), 270: self.price(side, distance), 271: str(size)}
                if self.with_ids:
                    entry[278] = self.new_id()
                if model == "position" and self.numbered:
                    entry[self.books.rules.level_tag] = str(at + 1)
                entries.append(entry)
        if model != "position":
            random.shuffle(entries)
        for entry in entries:
            if random.random() < self.faults / 3:
                self.harm(entry, row, "W")
        if random.random() < 0.05:
            extra = random.choice([{269: "4", 270: "1", 271: "1"}, {269: "2", 270: "100", 271: "3"}, {269: "J"}])
            entries.insert(random.randint(0, len(entries)), extra)
        return "W", self.finish("W", head, entries)

    def increment(self) -> tuple[str, Fields]:
        random, books = self.random, self.books
        draft = books.copy()  # the books after the entries drawn so far
        for book in draft.books:
            book.begin()
        head: Entry = {}
        if random.random() < 0.2:
            head[262] = "77" if random.random() < 0.9 else "76"
        head_row = None
        if random.random() < 0.05:
            head_row = random.randrange(len(books.books))
            head |= self.address(head_row)
        entries, row, before = [], random.randrange(len(books.books)), head_row
        for _ in range(random.choice([1, 1, 2, 2, 3, 5, 8])):
            if random.random() < 0.3 and head_row is None and not books.rules.checksum:
                row = random.randrange(len(books.books))
            if head_row is not None:
                row = head_row
            entry = self.entry(row, draft)
            if random.random() < self.faults:
                self.harm(entry, row, "X")
            self.place(entry, row, before, draft)
            before = row
            if self.sequenced and random.random() < 0.97:
                step = 1 if random.random() < 0.98 else random.choice([2, 2, 0, -3])
                self.sent[row] = max(0, self.sent[row] + step)
                entry[83] = str(self.sent[row])
            draft.try_entry(row, entry)
            entries.append(entry)
        return "X", self.finish("X", head, entries)

    def finish(self, msg_type: str, head: Entry, entries: list[Entry]) -> Fields:
        random = self.random
        count = len(entries)
        if random.random() < self.faults / 10:
            count += random.choice([-1, 1])
        fields: Fields = [*head.items(), (268, str(count))]
        first = 279 if msg_type == "X" else 269
        for entry in entries:
            tags = sorted(entry, key=lambda tag: (tag != first, tag))
            if random.random() < 0.2:
                tags = [tags[0], *random.sample(tags[1:], len(tags) - 1)]
            fields += [(tag, entry[tag]) for tag in tags]
        return fields + self.checksum(msg_type, fields) + (self.fragment() if msg_type == "X" else [])

    def fragment(self) -> Fields:
        """LastFragment of an X."""
        pending = any(its.pending for its in self.books.instruments)
        value = self.random.choice(["N", "Y", "Y", ""]) if pending else self.random.choice(["N", "Y", *[""] * 30])
        return [(893, value)] if value else []

    def checksum(self, msg_type: str, fields: Fields) -> Fields:
        """The venue's checksum of the book that the message is about, at its end."""
        if not self.books.rules.checksum or (msg_type == "W" and self.random.random() < 0.5):
            return []
        after = self.books.copy()
        after.verifies = False
        after.receive(msg_type, fields)
        if len(after.last_rows) != 1 or self.random.random() < self.faults / 2:
            return []
        row = min(after.last_rows)
        value = kraken_crc32(*after.books[row].sides(), after.instruments[row].tick, after.instruments[row].lot)
        return [(self.books.rules.checksum.tag, str(value + (self.random.random() < self.faults / 2)))]

    # --- entries

    def address(self, row: int) -> Entry:
        its = self.books.instruments[row]
        choice = self.random.random()
        if its.security_id and (choice < 0.3 or self.books.profile.instruments.address == "SecurityID"):
            return {48: its.security_id} | ({55: its.symbol} if choice < 0.1 else {})
        return {55: its.symbol} | ({48: its.security_id} if its.security_id and choice > 0.9 else {})

    def place(self, entry: Entry, row: int, before: int | None, draft: VenueBooks) -> None:
        """Name the instrument, or leave it out where the previous entry or the id names it."""
        random = self.random
        known = entry.get(280) or entry.get(278)
        action = self.books.rules.actions.get(entry.get(279, ""), "")
        may_be_absent = before == row and (not known or action in ("new", "append") or draft.books[row].holds(known))
        if may_be_absent and random.random() < 0.5:
            return
        holders = [n for n, book in enumerate(draft.books) if known and book.holds(known)]
        if holders == [row] and action not in ("new", "append") and random.random() < 0.4:
            return
        if random.random() < self.faults:
            entry |= random.choice([{}, {55: "Z"}, {48: "z9"}, {55: ""}, {55: "", 48: ""}, {55: "Z", 48: "z9"}])
            return
        entry |= self.address(row)

    def price(self, side: int, distance: int) -> str:
        return price_text(MIDDLE - distance if side == BUY else MIDDLE + distance)

    def new_id(self) -> str:
        self.names += 1
        return f"n{self.names}" if self.random.random() < 0.9 else f"a-longer-identifier-{self.names}"

    def entry(self, row: int, draft: VenueBooks) -> Entry:
        random = self.random
        choice = random.random()
        if choice < 0.06:
            return {279: random.choice("0012"), 269: random.choice("22B4EAxz"), 270: "100", 271: "1"}
        if choice < 0.07:
            return {279: random.choice("012"), 269: "J"}
        model = self.books.model
        if model in ("snapshots", "tiers") and random.random() < 0.95:
            return {279: "0", 269: "2", 270: "100", 271: "1"}
        side = random.randrange(2)
        levels = draft.books[row].sides()[side]
        if model == "position":
            return self.position_entry(side, levels)
        if model == "order":
            return self.order_entry(side, draft.books[row].orders)
        return self.price_entry(side, levels)

    def action(self, *choices: str) -> tuple[str, str]:
        """One of the actions that the profile has, and its value."""
        there = [action for action in choices if action in self.values]
        action = self.random.choice(there)
        return action, self.values[action]

    def rare(self) -> list[str]:
        return ["overlay", "delete_thru", "delete_from", *["delete_all"] * (self.random.random() < 0.3)]

    def size(self) -> str:
        return str(self.random.randint(1, 9))

    def count(self) -> Entry:
        return {346: str(self.random.randint(0, 3))} if self.random.random() < 0.2 else {}

    def price_entry(self, side: int, levels: list[Level]) -> Entry:
        random = self.random
        free = [n for n in range(1, WIDTH + 1) if self.price(side, n) not in {price_text(x.price) for x in levels}]
        new = {270: self.price(side, random.choice(free or [1])), 271: self.size()} | self.count()
        if not levels or (free and random.random() < 0.45 / (1 + len(levels) / 6)):
            choices = ["new", "new", "append"] if levels or "append" in self.values else ["new"]
            action, value = self.action(*choices)
            if action == "append" and levels:
                new[270] = self.price(side, abs(levels[-1].price - MIDDLE) + random.randint(1, 3))
            ids = {278: self.new_id()} if self.with_ids and random.random() < 0.95 else {}
            return {279: value, 269: str(side), **ids, **new}
        level = random.choice(levels)
        named: Entry = {270: price_text(level.price)}
        if level.id and random.random() < 0.9:
            named = {278: level.id} | (named if random.random() < 0.5 else {})
        action, value = self.action(*["change"] * 6, *["delete"] * 5, *self.rare())
        base = {279: value, 269: str(side)}
        if action in ("change", "overlay"):
            price = {270: price_text(level.price)} if random.random() < 0.6 or not level.id else {270: new[270]}
            if level.id and random.random() < 0.3:
                ids = {280: level.id} | ({278: self.new_id()} if random.random() < 0.7 else {})
            elif level.id and (random.random() < 0.9 or price[270] == new[270]):
                ids = {278: level.id}
            else:
                ids = {278: self.new_id()} if self.with_ids and random.random() < 0.3 else {}
            return base | ids | price | {271: self.size() if random.random() < 0.95 else "0"} | self.count()
        entry = base | ({} if action == "delete_all" else named)
        if 278 in entry and random.random() < 0.2:
            del entry[269]
        return entry | ({271: self.size()} if random.random() < 0.2 else {})

    def order_entry(self, side: int, orders: dict) -> Entry:
        random = self.random
        new = {270: self.price(side, random.randint(1, WIDTH)), 271: self.size()}
        known = [id for id, order in orders.items() if order.side == side]
        if not known or random.random() < 0.5 / (1 + len(known) / 10):
            return {279: self.values["new"], 269: str(side), 278: self.new_id(), **new}
        id = random.choice(known)
        if random.random() < 0.1:
            id = random.choice([id, id, id, "nobody"])
            size = str(random.randint(1, orders[id].size if id in orders else 9) + (random.random() < self.faults))
            return {279: self.values["new"], 269: "2", 278: id, 270: "100", 271: size}
        if random.random() < 0.1 and self.books.rules.entries_without_id == "ignored":
            return {279: random.choice(list(self.values.values())), 269: str(side), **new}
        if random.random() < 0.05 and self.books.ignores_unknown_orders():
            return {279: self.values["delete"], 269: str(side), 278: self.any_id()}
        if random.random() < 0.5:
            entry = {279: self.values["delete"], 269: str(side), random.choice([278, 278, 280]): id}
            if random.random() < 0.3:
                del entry[269]
            return entry
        ids = (
            {278: id} if random.random() < 0.6 else {280: id} | ({278: self.new_id()} if random.random() < 0.7 else {})
        )
        entry = {279: self.values["change"], 269: str(side), **ids, **new}
        if random.random() < 0.2:
            entry[269] = str(1 - side)
            entry[270] = self.price(1 - side, random.randint(1, WIDTH))
        for tag in (269, 270, 271):
            if random.random() < 0.1:
                entry.pop(tag)
        return entry

    def position_entry(self, side: int, levels: list[Level]) -> Entry:
        random, tag = self.random, self.books.rules.level_tag
        distances = [abs(level.price - MIDDLE) for level in levels]
        room = self.books.depth or WIDTH + 6
        at = random.randint(0, len(levels))
        low = distances[at - 1] + 1 if at else 1
        high = distances[at] - 1 if at < len(levels) else low + 3
        base = {269: str(side)} | self.count()
        if low <= high and at < room and random.random() < 0.5:
            choices = ["new"] if at < len(levels) else ["new", "append"]
            action, value = self.action(*choices)
            number = {} if action == "append" and random.random() < 0.5 else {tag: str(at + 1)}
            return {279: value} | base | number | {270: self.price(side, random.randint(low, high)), 271: self.size()}
        if not levels:
            return {279: "0", 269: "4", 270: "1"}
        at = random.randrange(len(levels))
        action, value = self.action(*["change"] * 6, *["delete"] * 3, *self.rare())
        entry = {279: value} | base | {tag: str(at + 1)}
        price = {270: price_text(levels[at].price)}
        if action == "overlay":
            low = distances[at - 1] + 1 if at else 1
            high = distances[at + 1] - 1 if at + 1 < len(levels) else low + 3
            distance = random.randint(low, max(low, high))  # entries before this one may have put levels out of order
            return entry | {270: self.price(side, distance), 271: self.size()}
        if random.random() < 0.4:
            entry |= price
        return entry | ({271: self.size() if random.random() < 0.95 else "0"} if action == "change" else {})

    # --- faults

    def any_id(self) -> str:
        known = [f"n{self.names - n}" for n in range(min(self.names, 20))]
        return self.random.choice([*known, "nobody", "", "0"])

    def harm(self, entry: Entry, row: int, msg_type: str) -> None:
        """Change, remove or add a field."""
        random = self.random
        tag = random.choice([279, 269, 278, 280, 270, 271, 346, self.books.rules.level_tag, 0])
        if tag == 0:
            absent = random.choice([tag for tag in entry if tag not in (279 if msg_type == "X" else 269,)] or [269])
            entry.pop(absent, None)
        elif tag == 279:
            entry[279] = random.choice(["0", "1", "2", "3", "4", "5", "6", "7", "00", ""])
        elif tag == 269:
            entry[269] = random.choice(["0", "1", "2", "J", "4", "E", "xy", "+", "J", ""])
        elif tag in (278, 280):
            entry[tag] = self.any_id()
        elif tag == 270:
            entry[270] = random.choice(
                ["abc", "", "100.7", "100.25", *[price_text(MIDDLE + random.randint(-9, 9))] * 5]
            )
        elif tag == 271:
            entry[271] = random.choice(["0", "0", "0", "-1", "x", "", "1.5", "7"])
        elif tag == 346:
            entry[346] = random.choice(["0", "1", "x", "-1", ""])
        else:
            entry[tag] = random.choice(["0", "1", "2", "3", "9", "x", ""])
