"""The books of one instrument by model, as dictionaries and lists: what a bid or offer does, or that it is unclear.

`add` is an entry of a W, `apply` one of an X. A book is only ever asked for `sides` between two messages.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from itertools import pairwise

from tests.oracle.venue_entry import Quote, Spoiled, lots_of

BUY = 0


@dataclass
class Level:
    price: int
    size: int
    count: int = 1
    id: str | None = None


Sides = tuple[list[Level], list[Level]]


def better(side: int, a: int, b: int) -> bool:
    return a > b if side == BUY else a < b


def best_first(side: int, levels: list[Level]) -> list[Level]:
    return sorted(levels, key=lambda level: level.price, reverse=side == BUY)


class Book(ABC):
    actions: tuple[str, ...] = ()  # those that the model has
    by_id: tuple[str, ...] = ()  # those that may name an entry by its id alone
    counts = True  # NumberOfOrders is read

    @abstractmethod
    def clear(self) -> None: ...

    @abstractmethod
    def add(self, quote: Quote) -> None: ...

    def apply(self, action: str, quote: Quote) -> None:
        raise Spoiled("unsupported")

    @abstractmethod
    def sides(self) -> Sides: ...

    def begin(self) -> None:  # noqa: B027
        """A message begins that may touch this book."""

    def end(self) -> None:  # noqa: B027
        """The last entry of a message that touched this book is applied."""

    def holds(self, id: str) -> bool:
        return False

    def side_of(self, id: str) -> int | None:
        """The side of the entry with this id, for entries without MDEntryType."""
        return None


def deleted_id(quote: Quote) -> str | None:
    if quote.ref and quote.id and quote.ref != quote.id:
        raise Spoiled("unknown_entry")
    return quote.ref or quote.id


class PriceBook(Book):
    """One level per side and price; ids name levels where the venue sends them."""

    actions = ("new", "change", "delete", "delete_thru", "delete_from", "overlay", "delete_all", "append")
    by_id = ("change", "overlay", "delete", "delete_thru", "delete_from")

    def __init__(self, depth: int, strict: bool) -> None:
        self.depth, self.strict = depth, strict
        self.levels: list[dict[int, Level]] = [{}, {}]
        self.put: set[tuple[int, int]] = set()  # (side, price) where this message has put a level

    def clear(self) -> None:
        self.levels = [{}, {}]

    def begin(self) -> None:
        self.put = set()

    def sides(self) -> Sides:
        bids, offers = (best_first(side, list(self.levels[side].values())) for side in (0, 1))
        return bids, offers

    def find(self, id: str | None) -> tuple[int, Level] | None:
        for side in (0, 1):
            for level in self.levels[side].values():
                if id is not None and level.id == id:
                    return side, level
        return None

    def holds(self, id: str) -> bool:
        return self.find(id) is not None

    def side_of(self, id: str) -> int | None:
        found = self.find(id)
        return found[0] if found else None

    def add(self, quote: Quote) -> None:
        if quote.ref:
            raise Spoiled("unsupported")
        quote.need("price", "size")
        if quote.price in self.levels[quote.side] or self.find(quote.id):
            raise Spoiled("duplicate_entry")
        if quote.size:
            self.set(quote.side, Level(quote.price, quote.size, quote.count, quote.id))

    def set(self, side: int, level: Level) -> None:
        if level.price not in self.levels[side]:
            self.put.add((side, level.price))
        self.levels[side][level.price] = level

    def apply(self, action: str, quote: Quote) -> None:
        if action in ("new", "append") and quote.ref:
            raise Spoiled("unsupported")
        if action in ("new", "append", "change", "overlay"):
            quote.need("price", "size")
            if quote.size == 0:
                self.delete(quote)
            elif action == "append":
                self.append(quote)
            elif action == "new":
                self.new(quote)
            else:
                self.change(quote)
        elif action == "delete":
            self.delete(quote)
        elif action == "delete_all":
            self.levels[quote.side] = {}
        else:
            self.delete_range(action, quote)

    def append(self, quote: Quote) -> None:
        if not all(better(quote.side, price, quote.price) for price in self.levels[quote.side]):
            raise Spoiled("out_of_order")
        self.new(quote)

    def new(self, quote: Quote) -> None:
        there = self.levels[quote.side].get(quote.price)
        if quote.id:
            known = self.find(quote.id)
            if known and (known[0] != quote.side or known[1].price != quote.price):
                raise Spoiled("duplicate_entry")
            if there and there.id not in (None, quote.id):
                raise Spoiled("duplicate_entry")
        self.set(quote.side, Level(quote.price, quote.size, quote.count, quote.id or (there.id if there else None)))

    def change(self, quote: Quote) -> None:
        key = quote.ref or quote.id
        known = self.find(key)
        if known:
            self.change_known(known, quote)
            return
        there = self.levels[quote.side].get(quote.price)
        if quote.ref:
            raise Spoiled("unknown_entry")
        if quote.id:
            if there is None or there.id is not None:
                raise Spoiled("unknown_entry")
        elif there is None and self.strict:
            raise Spoiled("unknown_entry")
        self.set(quote.side, Level(quote.price, quote.size, quote.count, quote.id or (there.id if there else None)))

    def change_known(self, known: tuple[int, Level], quote: Quote) -> None:
        side, level = known
        if quote.side != side:
            raise Spoiled("unknown_entry")
        id = quote.id or quote.ref
        holder = self.find(id)
        if holder and holder[1] is not level:
            raise Spoiled("duplicate_entry")
        if quote.price != level.price and quote.price in self.levels[side]:
            raise Spoiled("duplicate_entry")
        if quote.price != level.price:
            del self.levels[side][level.price]
        self.set(side, Level(quote.price, quote.size, quote.count, id))

    def named(self, quote: Quote) -> Level | None:
        """The level that a deletion names. None: it names no id, and there is no level at its price."""
        id = deleted_id(quote)
        known = self.find(id)
        if known:
            side, level = known
            if quote.side != side or quote.price not in (None, level.price):
                raise Spoiled("unknown_entry")
            return level
        if id is None:
            quote.need("price")
        there = self.levels[quote.side].get(quote.price)
        if id is not None and (there is None or there.id is not None):
            raise Spoiled("unknown_entry")
        return there

    def delete(self, quote: Quote) -> None:
        level = self.named(quote)
        if level is not None:
            del self.levels[quote.side][level.price]
        elif self.strict:
            raise Spoiled("unknown_entry")

    def delete_range(self, action: str, quote: Quote) -> None:
        named = self.named(quote)
        if named is None:
            raise Spoiled("unknown_entry")
        side, last = quote.side, named.price
        gone = [
            price
            for price in self.levels[side]
            if price == last or better(side, price, last) == (action == "delete_thru")
        ]
        for price in gone:
            del self.levels[side][price]

    def end(self) -> None:
        """Levels beyond the subscribed depth are gone."""
        if not self.depth:
            return
        for side, levels in enumerate(self.sides()):
            for level in levels[self.depth :]:
                if (side, level.price) in self.put:
                    raise Spoiled("window")
                del self.levels[side][level.price]


class BestBook(Book):
    """One quote a side; the newest is it."""

    actions = ("new", "change", "overlay", "delete")
    by_id = ("change", "overlay", "delete")

    def __init__(self) -> None:
        self.quotes: list[Level | None] = [None, None]
        self.replaced: list[list[Level]] = [[], []]  # by this message

    def clear(self) -> None:
        self.quotes = [None, None]

    def begin(self) -> None:
        self.replaced = [[], []]

    def sides(self) -> Sides:
        bid, offer = ([quote] if quote else [] for quote in self.quotes)
        return bid, offer

    def side_of(self, id: str) -> int | None:
        for side in (0, 1):
            held = self.quotes[side]
            if held and held.id == id:
                return side
        for side in (0, 1):
            if any(level.id == id for level in self.replaced[side]):
                return side
        return None

    def holds(self, id: str) -> bool:
        return self.side_of(id) is not None

    def add(self, quote: Quote) -> None:
        quote.need("price", "size")
        other = self.quotes[1 - quote.side]
        if self.quotes[quote.side] or (other and quote.id and other.id == quote.id):
            raise Spoiled("duplicate_entry")
        if quote.ref:
            raise Spoiled("unknown_entry")
        if quote.size:
            self.quotes[quote.side] = Level(quote.price, quote.size, quote.count, quote.id)

    def apply(self, action: str, quote: Quote) -> None:
        if action != "delete":
            quote.need("price", "size")
        if action == "delete" or quote.size == 0:
            self.delete(quote)
            return
        held, other = self.quotes[quote.side], self.quotes[1 - quote.side]
        if quote.ref and not (held and held.id == quote.ref):
            raise Spoiled("unknown_entry")
        if other and quote.id and other.id == quote.id:
            raise Spoiled("duplicate_entry" if action == "new" else "unknown_entry")
        if held:
            self.replaced[quote.side].append(held)
        id = quote.id or quote.ref
        self.quotes[quote.side] = Level(quote.price, quote.size, quote.count, id)

    def delete(self, quote: Quote) -> None:
        id = deleted_id(quote)
        held = self.quotes[quote.side]
        names_none = id is None and quote.price is None
        if names_none or (held and self.is_named(held, id, quote.price)):
            self.quotes[quote.side] = None
        elif not any(self.is_named(level, id, quote.price) for level in self.replaced[quote.side]):
            raise Spoiled("unknown_entry")

    @staticmethod
    def is_named(level: Level, id: str | None, price: int | None) -> bool:
        if id is None:
            return level.price == price
        if level.id is None:
            return level.price == price
        return level.id == id and price in (None, level.price)


@dataclass(frozen=True)
class Order:
    side: int
    price: int
    size: int


class OrderBook(Book):
    """Orders by id; levels are their sums."""

    actions = ("new", "change", "delete")
    by_id = ("change", "delete")
    counts = False

    def __init__(self, ignores_unknown: bool) -> None:
        self.ignores_unknown = ignores_unknown
        self.orders: dict[str, Order] = {}

    def clear(self) -> None:
        self.orders = {}

    def sides(self) -> Sides:
        levels: list[dict[int, Level]] = [{}, {}]
        for order in self.orders.values():
            level = levels[order.side].setdefault(order.price, Level(order.price, 0, 0))
            level.size += order.size
            level.count += 1
        bids, offers = (best_first(side, list(levels[side].values())) for side in (0, 1))
        return bids, offers

    def holds(self, id: str) -> bool:
        return id in self.orders

    def side_of(self, id: str) -> int | None:
        return self.orders[id].side if id in self.orders else None

    def add(self, quote: Quote) -> None:
        if quote.ref:
            raise Spoiled("unsupported")
        quote.need("id", "price", "size")
        if quote.id in self.orders:
            raise Spoiled("duplicate_entry")
        if quote.size:
            self.orders[quote.id] = Order(quote.side, quote.price, quote.size)

    def apply(self, action: str, quote: Quote) -> None:
        if action == "new":
            if quote.ref:
                raise Spoiled("unsupported")
            quote.need("id", "price", "size")
            if quote.size:
                self.add(quote)
            else:
                self.delete(quote)
        elif not (quote.id or quote.ref):
            raise Spoiled("missing_field")
        elif self.ignores_unknown and not quote.ref and quote.id not in self.orders:
            return
        elif action == "delete" or quote.size == 0:
            self.delete(quote)
        else:
            self.change(quote)

    def change(self, quote: Quote) -> None:
        key, id = quote.ref or quote.id, quote.id or quote.ref
        if key not in self.orders:
            raise Spoiled("unknown_entry")
        if id != key and id in self.orders:
            raise Spoiled("duplicate_entry")
        order = self.orders.pop(key)
        changes = {"side": quote.side, "price": quote.price, "size": quote.size}
        self.orders[id] = replace(order, **{name: value for name, value in changes.items() if value is not None})

    def fill(self, entry: dict[int, str], lot: str) -> bool:
        """A trade takes its size off the order with its id. False: there is none, and the trade is not of the book."""
        order = self.orders.get(entry[278])
        if order is None:
            return False
        size = lots_of(entry, lot)
        if size > order.size:
            raise Spoiled("unknown_entry")
        del self.orders[entry[278]]
        if size < order.size:
            self.orders[entry[278]] = replace(order, size=order.size - size)
        return True

    def delete(self, quote: Quote) -> None:
        id = deleted_id(quote)
        if id not in self.orders or quote.side != self.orders[id].side:
            raise Spoiled("unknown_entry")
        del self.orders[id]


class PositionBook(Book):
    """Levels by their number from the best; a venue's numbers are those of its `depth` levels."""

    actions = PriceBook.actions

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.levels: Sides = ([], [])
        self.snapshot: list[dict[int, Level | None]] = [{}, {}]
        self.tagged: list[set[bool]] = [set(), set()]
        self.touched: set[int] = set()

    def clear(self) -> None:
        self.levels = ([], [])
        self.snapshot = [{}, {}]
        self.tagged = [set(), set()]
        self.touched = set()

    def begin(self) -> None:
        self.touched = set()

    def sides(self) -> Sides:
        return self.levels

    def add(self, quote: Quote) -> None:
        quote.need("price", "size")
        side = quote.side
        self.touched.add(side)
        self.tagged[side].add(quote.position is not None)
        if len(self.tagged[side]) == 2:
            raise Spoiled("missing_field")
        if not quote.size:
            return
        position = quote.position or len(self.snapshot[side]) + 1
        if position in self.snapshot[side]:
            raise Spoiled("duplicate_entry")
        self.check_window(position)
        self.snapshot[side][position] = Level(quote.price, quote.size, quote.count)

    def check_window(self, position: int) -> None:
        if self.depth and position > self.depth:
            raise Spoiled("window")

    def apply(self, action: str, quote: Quote) -> None:
        levels = self.levels[quote.side]
        self.touched.add(quote.side)
        if action == "delete_all":
            levels.clear()
            return
        if action != "append":
            quote.need("position")
        elif quote.size != 0 and quote.position not in (None, len(levels) + 1):
            raise Spoiled("out_of_order")
        if action in ("new", "overlay", "append"):
            quote.need("price", "size")
        if action == "change":
            quote.need("size")
        if action in ("new", "append", "change", "overlay") and quote.size == 0:
            action = "delete"
            quote.need("position")
        if action in ("new", "append"):
            self.insert(levels, quote)
        else:
            self.at_level(action, levels, quote)

    def insert(self, levels: list[Level], quote: Quote) -> None:
        position = quote.position or len(levels) + 1
        if position > len(levels) + 1:
            raise Spoiled("out_of_order")
        self.check_window(position)
        levels.insert(position - 1, Level(quote.price, quote.size, quote.count))
        if self.depth:
            del levels[self.depth :]

    def at_level(self, action: str, levels: list[Level], quote: Quote) -> None:
        at = quote.position - 1
        if at >= len(levels):
            raise Spoiled("unknown_entry")
        if action != "overlay" and quote.price not in (None, levels[at].price):
            raise Spoiled("out_of_order" if action == "change" else "unknown_entry")
        if action in ("change", "overlay"):
            price = levels[at].price if quote.price is None else quote.price
            levels[at] = Level(price, quote.size, quote.count)
        elif action == "delete":
            del levels[at]
        elif action == "delete_from":
            del levels[at:]
        else:
            del levels[: at + 1]

    def end(self) -> None:
        for side, by_position in enumerate(self.snapshot):
            if by_position:
                if sorted(by_position) != list(range(1, len(by_position) + 1)):
                    raise Spoiled("out_of_order")
                self.levels[side][:] = [by_position[position] for position in sorted(by_position)]
        self.snapshot = [{}, {}]
        self.tagged = [set(), set()]
        for side in self.touched:
            prices = [level.price for level in self.levels[side]]
            if not all(better(side, a, b) for a, b in pairwise(prices)):
                raise Spoiled("out_of_order")


class SnapshotBook(Book):
    """Each W is the book."""

    def __init__(self) -> None:
        self.levels: list[dict[int, Level]] = [{}, {}]

    def clear(self) -> None:
        self.levels = [{}, {}]

    def sides(self) -> Sides:
        bids, offers = (best_first(side, list(self.levels[side].values())) for side in (0, 1))
        return bids, offers

    def add(self, quote: Quote) -> None:
        quote.need("price", "size")
        if quote.price in self.levels[quote.side]:
            raise Spoiled("duplicate_entry")
        if quote.size:
            self.levels[quote.side][quote.price] = Level(quote.price, quote.size, quote.count)


class TierBook(Book):
    """Each W is the book; its entries are sizes up to which a price holds."""

    counts = False

    def __init__(self, cumulative: bool) -> None:
        self.cumulative = cumulative
        self.tiers: list[list[Level]] = [[], []]

    def clear(self) -> None:
        self.tiers = [[], []]

    def add(self, quote: Quote) -> None:
        quote.need("price", "size")
        if quote.size:
            self.tiers[quote.side].append(Level(quote.price, quote.size))

    def end(self) -> None:
        for side, tiers in enumerate(self.tiers):
            if not self.cumulative:
                continue
            if len({tier.size for tier in tiers}) < len(tiers):
                raise Spoiled("duplicate_entry")
            ordered = sorted(tiers, key=lambda tier: tier.size)
            for smaller, larger in pairwise(ordered):
                if better(side, larger.price, smaller.price):
                    raise Spoiled("out_of_order")

    def sides(self) -> Sides:
        found: list[list[Level]] = []
        for side, tiers in enumerate(self.tiers):
            levels: dict[int, Level] = {}
            before = 0
            for tier in sorted(tiers, key=lambda tier: tier.size):
                level = levels.setdefault(tier.price, Level(tier.price, 0))
                level.size += tier.size - before
                if self.cumulative:
                    before = tier.size
            found.append(best_first(side, list(levels.values())))
        return found[0], found[1]
