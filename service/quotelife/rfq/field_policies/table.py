"""The table: what the service does with each field of each message from a client.

A field is `HONOURED` (it means what the standard says), `ECHOED` (repeated in the answers), `IGNORED` (it cannot change
what is quoted or dealt), or `REFUSED_UNLESS`: it could change that, so a message is refused unless the field has one of
the values that say what the service does anyway. Tags have one meaning in all versions, and so has a policy.

`quotelife.rfq.field_policies.products` has the rows of products that are not quoted; `lookup` builds on both.
`fix_config/README.md` describes them. A test counts: each field that the standard allows in such a message, in any
version, has exactly one row for it.
"""

from quotelife.rfq.field_policies.policy import (
    CANCEL,
    EXECUTION_REPORT,
    HEADER,
    HEDGES,
    HITS,
    LOGON,
    ORDER,
    REQUEST,
    RESPONSE,
    STATUS_REQUEST,
    TRADE_CAPTURE_REPORT,
    Kind,
    Row,
)

_HONOURED, _IGNORED, _REFUSED = Kind.HONOURED, Kind.IGNORED, Kind.REFUSED_UNLESS
_ECHOED = Kind.ECHOED
_REQUEST, _RESPONSE, _ORDER = (REQUEST,), (RESPONSE,), (ORDER,)
_STATUS_REQUEST, _CANCEL = (STATUS_REQUEST,), (CANCEL,)
_DEALS = (REQUEST, RESPONSE, ORDER)  # messages that say what is to be quoted or dealt
_ALL = (*_DEALS, CANCEL)

_OF_HEADER = (
    Row(_HONOURED, (HEADER,), "8-10 34 35 49 52 56", "the session's own fields"),
    Row(_HONOURED, (HEADER,), "43 97 122", "a repeated message"),
    Row(_IGNORED, (HEADER,), "50 57 115 116 128 129 142-145 370 627-630", "the session decides who the client is"),
    Row(_IGNORED, (HEADER,), "89-91 93 212 213", "signatures and attachments; the connection is secured by TLS"),
    Row(_IGNORED, (HEADER,), "347 369", "texts are UTF-8, and the service sends nothing again because of 369"),
    Row(_HONOURED, (HEADER,), "1128", "the version, that of the session"),
    Row(_IGNORED, (HEADER,), "1129 1156", "extensions of the version; fields have the meanings of these rules"),
)

_OF_LOGON = (
    Row(_REFUSED, (LOGON,), "98", "messages are not encrypted; the connection may be, by TLS", {"0": "none"}),
    Row(_HONOURED, (LOGON,), "108", "seconds between heartbeats, 1 to 3600; others are refused"),
    Row(_HONOURED, (LOGON,), "141", "Y resets both sequence numbers to 1"),
    Row(_HONOURED, (LOGON,), "789", "messages from this number on are sent again"),
    Row(_HONOURED, (LOGON,), "553 554", "user name and password, if the desk has assigned them"),
    Row(_REFUSED, (LOGON,), "464", "every fill is real", {"N": "not a test"}),
    Row(_REFUSED, (LOGON,), "925 1400-1404", "the desk assigns passwords"),
    Row(_REFUSED, (LOGON,), "1137", "the version of these rules", {"9": "FIX.5.0SP2"}),
    Row(_IGNORED, (LOGON,), "1407 1408", "extensions of the version; fields have the meanings of these rules"),
    Row(_IGNORED, (LOGON,), "95 96", "the user name and the password identify you"),
    Row(_IGNORED, (LOGON,), "372 384 385", "the messages are those of these rules"),
    Row(_IGNORED, (LOGON,), "383", "the longest message is that of a Quote with its legs"),
    Row(_IGNORED, (LOGON,), "1409", "the state of the session, which the service knows"),
    Row(_IGNORED, (LOGON,), "58 354 355", "a text for people; the service acts on fields alone"),
)

_OF_HEDGES = (
    Row(_HONOURED, (EXECUTION_REPORT,), "17 19", "the trade, and the one that it cancels or corrects"),
    Row(
        _HONOURED, (EXECUTION_REPORT,), "20 150", "a trade, its cancel or its correction; other reports change nothing"
    ),
    Row(_HONOURED, (TRADE_CAPTURE_REPORT,), "571 572", "the trade, and the one that it cancels or replaces"),
    Row(_HONOURED, (TRADE_CAPTURE_REPORT,), "487 150", "a trade, its cancel or its replacement"),
    Row(_HONOURED, (TRADE_CAPTURE_REPORT,), "552 856", "one side, a submitted trade; others are not booked"),
    Row(_HONOURED, HEDGES, "55", "the instrument whose position changes"),
    Row(_HONOURED, HEDGES, "54 32 31", "the desk's side, quantity and price"),
    Row(_HONOURED, HEDGES, "58", "a remark, kept with the change of the position"),
    Row(_HONOURED, HEDGES, "75 60", "the day of the trade"),
    Row(_HONOURED, HEDGES, "555", "a report is for one instrument; one with legs is not booked"),
)
REST_OF_HEDGE = "Symbol (55), Side (54), LastQty (32) and LastPx (31) say what was dealt"
REST_OF_STATUS_REQUEST = "QuoteID (117) names the quote"

_READ = (
    Row(_HONOURED, _REQUEST, "131", "the request's identifier"),
    Row(_HONOURED, _REQUEST, "146", "the number of entries"),
    Row(_HONOURED, _REQUEST, "55", "the instrument"),
    Row(_HONOURED, _REQUEST, "54", "the side; absent: both"),
    Row(_HONOURED, _REQUEST, "38", "the quantity"),
    Row(_HONOURED, _REQUEST, "44", "the worst price that you accept: a worse one is refused"),
    Row(_HONOURED, _REQUEST, "110", "the smallest quantity that can be dealt: a smaller hit is refused"),
    Row(_HONOURED, _REQUEST, "62 126", "the time that the quote does not outlive"),
    Row(_REFUSED, _REQUEST, "263", "what is requested", {"0": "one quote", "1": "a subscription", "2": "its end"}),
    Row(_HONOURED, _REQUEST, "555 600 623 624 685 687", "the legs of a multileg"),
    Row(_REFUSED, _REQUEST, "117", "a request gets a quote of its own"),
    Row(_HONOURED, _RESPONSE, "693", "the response's identifier"),
    Row(_HONOURED, _RESPONSE, "694", "hit, counter or pass"),
    Row(_HONOURED, _RESPONSE, "132 133 134 135", "the quote's prices and sizes; others are refused"),
    Row(_HONOURED, _ORDER, "11", "the order's identifier"),
    Row(_HONOURED, _ORDER, "40", "D, previously quoted; others are refused"),
    Row(_HONOURED, HITS, "117", "the quote"),
    Row(_HONOURED, HITS, "55", "the quote's Symbol; another is refused"),
    Row(_HONOURED, HITS, "54", "the side, one that the quote has"),
    Row(_HONOURED, HITS, "38", "the quantity, up to the quoted size"),
    Row(_HONOURED, HITS, "44", "the quoted price; another is refused"),
    Row(_HONOURED, HITS, "62 126", "a hit that is received after this time is refused"),
    Row(_HONOURED, HITS, "110", "the smallest quantity to be dealt; above OrderQty (38) it is refused"),
    Row(_HONOURED, _STATUS_REQUEST, "649", "the request's identifier"),
    Row(_HONOURED, _STATUS_REQUEST, "117", "the quote"),
    Row(_REFUSED, _STATUS_REQUEST, "263", "one answer is sent, no updates", {"0": "one answer"}),
    Row(_HONOURED, _CANCEL, "117", "the quote"),
    Row(
        _REFUSED,
        _CANCEL,
        "298",
        "quotes are cancelled by QuoteID (117), by instrument, or all",
        {"1": "one quote, or those of the instruments", "4": "all quotes", "5": "one quote"},
    ),
    Row(_HONOURED, _CANCEL, "295 55", "the instruments whose quotes to cancel, where QuoteID (117) is *"),
)

_WITHOUT_EFFECT = (
    Row(_IGNORED, _ALL, "58 354 355 2404 2351 2352", "a text for people; the service acts on fields alone"),
    Row(
        _IGNORED,
        _ALL,
        "106 107 348-351 470-472 617-622 2714-2719 2737 2740",
        "describes the instrument and its issuer in words",
    ),
    Row(_IGNORED, (REQUEST, RESPONSE), "11", "an identifier of yours that no answer needs"),
    Row(_IGNORED, _ALL, "23 376 513 526 583 644 654 1080 1081 1166 1751 1788 1806 2422", "an identifier of yours"),
    Row(_IGNORED, _CANCEL, "131", "QuoteID (117) or the instruments say what is cancelled"),
    Row(_IGNORED, _RESPONSE, "131 301", "QuoteID (117) names the quote, and every response gets its answer"),
    Row(_IGNORED, _CANCEL, "301", "every message gets its answer"),
    Row(_IGNORED, _ALL, "60", "the time at which you wrote the message; the time of receipt counts"),
    Row(_ECHOED, _DEALS, "1 581 660", "your own account; the session decides who the client is"),
    Row(_ECHOED, _DEALS, "447 448 452 453 523 802 803 2376", "parties; the session decides who the client is"),
    Row(_IGNORED, _CANCEL, "1 581 660", "QuoteID (117) or the instruments say what is cancelled"),
    Row(_IGNORED, _CANCEL, "447 448 452 453 523 802 803 2376", "QuoteID (117) or the instruments say it"),
    Row(_IGNORED, _ALL, "1116-1122 2388 1461-1464 1818 2433-2435", "parties; the session decides who the client is"),
    Row(_IGNORED, _ALL, "524 525 538 539 545 804 805 2384", "parties of a leg; the session decides who the client is"),
    Row(_IGNORED, _ALL, "76 109 439 440", "parties in FIX.4.2; the session decides who the client is"),
    Row(_IGNORED, _ALL, "47 204 522 528 529 582 1815 1816", "the capacity in which you deal; the quote is the same"),
    Row(_IGNORED, _ALL, "303 1172 1724-1727 2882-2884 1028-1035", "how your order came about, and who handled it"),
    Row(_IGNORED, _ALL, "377 481 635 1390 1688 1934 2102 2347 2524 2525 2593-2595 2795", "for your own reporting"),
    Row(_IGNORED, _ALL, "768-771 2839 1903-1907 2397 2411 2668-2670", "for your own reporting"),
    Row(_IGNORED, _ALL, "140 631 645 646 2346 2831-2834 1913", "your view of the market; quotes come from the desk's"),
    Row(_IGNORED, _ALL, "21 427 589 590", "how an order is worked and booked; a hit is answered at once, by one fill"),
    Row(_IGNORED, _ALL, "77 203", "your position; the desk's own is net"),
    Row(_IGNORED, _ALL, "111 210 1082-1088 1138 1608", "what others see of an order; nobody sees a request or a hit"),
    Row(_IGNORED, _ALL, "2362 2964", "who may not be matched with whom; the desk is the only other side"),
    Row(_IGNORED, _RESPONSE, "1917", "the price of the second best quote"),
)

_CONDITIONS = (
    Row(
        _REFUSED,
        _REQUEST,
        "40",
        "a quote is for one deal at its price",
        {"1": "market", "2": "limit", "D": "previously quoted", "G": "swap"},
    ),
    Row(_REFUSED, _RESPONSE, "40", "a quote can be hit, nothing else", {"2": "limit", "D": "previously quoted"}),
    Row(_REFUSED, _REQUEST, "537", "what the quote is for", {"0": "indicative", "1": "tradeable"}),
    Row(_REFUSED, (RESPONSE, ORDER, CANCEL), "537", "a quote can be dealt", {"1": "tradeable"}),
    Row(_REFUSED, _ALL, "18", "conditions of a deal", {"G": "all or none", "1": "not held", "5": "held"}, True),
    Row(
        _REFUSED,
        _ALL,
        "59",
        "a hit is filled at once or refused",
        {"0": "day", "3": "immediate or cancel", "4": "fill or kill"},
    ),
    Row(_REFUSED, _ALL, "168 432 1629 1914-1916", "a time of the deal other than now"),
    Row(_REFUSED, _ALL, "336 625", "another trading session than the instrument's", {"1": "day"}),
    Row(_REFUSED, _ALL, "386", "another trading session than the instrument's", {"0": "none", "1": "one"}),
    Row(_REFUSED, _ALL, "75 229", "a trade date other than that of the hit"),
    Row(_REFUSED, _ALL, "1822", "a hit is filled once", {"1": "once"}),
    Row(_REFUSED, _ALL, "1091", "the session is known", {"N": "not anonymous"}),
    Row(_REFUSED, _ALL, "1171", "a quote is for the client that asked", {"Y": "private"}),
    Row(_REFUSED, _ALL, "114", "the desk locates no stock", {"N": "none required"}),
    Row(_REFUSED, _ALL, "81", "instructions for processing", {"0": "regular"}),
    Row(_REFUSED, _ALL, "544", "the desk lends nothing", {"1": "cash"}),
    Row(_REFUSED, _ALL, "775", "a fill is booked as what was dealt", {"0": "regular"}),
    Row(_REFUSED, _ALL, "480", "a fill cannot be cancelled", {"N": "none"}),
    Row(_REFUSED, _ALL, "797", "a copy of an order is not an order", {"N": "not a copy"}),
    Row(_REFUSED, _ALL, "2829", "an identifier is used once", {"N": "no duplicate"}),
    Row(_REFUSED, _ALL, "695 735 2709 2710", "a qualifier of the quote, which could change its price"),
    Row(_REFUSED, _ALL, "70 78-80 209 467 591 661 736 1752-1755 2727 2927", "the desk allocates nothing"),
    Row(_REFUSED, _ALL, "100 1133 1300 2704", "the desk deals itself, in no other market"),
    Row(_REFUSED, _ALL, "99 211 388 389 494 640 835-838 840-844 846-849 957-960", "a price other than the quoted one"),
    Row(_REFUSED, _ALL, "1094 1096-1099 1100-1114 1628", "a price or a trigger other than the quoted one"),
    Row(_REFUSED, _ALL, "1089 1090 1092 1624-1627 1673 1685 1740-1742 1803-1805", "a condition of matching"),
    Row(_REFUSED, _ALL, "1812-1814 1868-1870 2115 2676 2828 2838", "a condition of matching"),
    Row(_REFUSED, _ALL, "497 12 13 479 1233 1238 2639-2652 2725 2922-2924", "the quoted price has no commission"),
)

_AMOUNTS = (
    Row(_REFUSED, _ALL, "854", "a quantity is in units of the instrument", {"0": "units"}),
    Row(_HONOURED, _REQUEST, "152", "instead of OrderQty (38), an amount in the currency of the price"),
    Row(_HONOURED, _REQUEST, "192", "of a swap, the quantity of the far leg: that of the near one"),
    Row(_REFUSED, (RESPONSE, ORDER, CANCEL), "152 192", "a quantity other than OrderQty (38)"),
    Row(_REFUSED, _ALL, "468 469 516 647 648", "a quantity other than OrderQty (38)"),
    Row(_REFUSED, _ALL, "423 692", "a price is per unit of the instrument", {"2": "per unit"}),
    Row(_HONOURED, _DEALS, "15", "the currency of the quantity, one that the instrument has"),
    Row(_REFUSED, _DEALS, "2897", "the currency of the quantity; it is in units of the instrument"),
    Row(_REFUSED, _ALL, "120 2899 156 656 657", "another currency of settlement than the instrument's"),
    Row(_REFUSED, _ALL, "121", "no other currency is bought for the settlement", {"N": "none"}),
    Row(_HONOURED, _DEALS, "63 64", "the settlement, one that is quoted for the instrument"),
    Row(_HONOURED, _DEALS, "193", "of a swap, the settlement of the far leg"),
    Row(_REFUSED, _CANCEL, "63 64 193", "QuoteID (117) or the instruments say what is cancelled"),
    Row(_REFUSED, _ALL, "966 1193 1577 1580 2143 2579", "another settlement than the instrument's regular one"),
    Row(_REFUSED, _ALL, "188-191 642 643 1067 1068", "forward points; a quote is for the regular settlement"),
    Row(_HONOURED, _REQUEST, "587 588", "the leg's settlement, its instrument's own"),
    Row(_REFUSED, (RESPONSE, ORDER, CANCEL), "587 588", "QuoteID (117) names the quote with its legs"),
    Row(_REFUSED, _ALL, "690", "a leg has its instrument's regular settlement"),
    Row(_HONOURED, _REQUEST, "556", "the currency of the leg's quantity, its instrument's own"),
    Row(_REFUSED, (RESPONSE, ORDER, CANCEL), "556", "QuoteID (117) names the quote with its legs"),
    Row(_REFUSED, _ALL, "2898", "the currency of a leg's quantity; it is in units of the instrument"),
    Row(_HONOURED, HITS, "555 600 623 624 685 687", "the legs of the quote; others are refused"),
    Row(_REFUSED, _CANCEL, "555 600 623 624 685 687", "QuoteID (117) names the quote with its legs"),
    Row(_REFUSED, _ALL, "566 681 684 686", "a price of a leg"),
)

_IDENTITY = (
    Row(_HONOURED, _DEALS, "22 48 167 200 201 202 205 541", "what the instrument is; another is refused"),
    Row(_REFUSED, _CANCEL, "22 48 167 200 201 202 205 541", "Symbol (55) alone names the instrument"),
    Row(_REFUSED, _ALL, "454-456 762 1079 2957", "the instrument, in words that the desk does not know"),
    Row(_REFUSED, _ALL, "65 207 460 461", "the instrument; Symbol (55) and SecurityID (48) name it"),
    Row(_HONOURED, _REQUEST, "602 603 609-612 1358", "what a leg's instrument is; another is refused"),
    Row(_REFUSED, (RESPONSE, ORDER, CANCEL), "602 603 609-612 1358", "QuoteID (117) names the quote with its legs"),
    Row(_REFUSED, _ALL, "601 604-608 764 613 1212 2958", "a leg's instrument; LegSymbol (600) names it"),
)

ROWS = _OF_HEADER + _OF_LOGON + _OF_HEDGES + _READ + _WITHOUT_EFFECT + _CONDITIONS + _AMOUNTS + _IDENTITY

# Fields without which a message is refused, in addition to those that its repeating groups need.
REQUIRED: dict[str, tuple[int, ...]] = {
    REQUEST: (131, 146),
    RESPONSE: (693, 117, 694),
    ORDER: (11, 117, 55, 54, 38, 40),
    STATUS_REQUEST: (117,),
    CANCEL: (117, 298),
    LOGON: (98, 108),
    EXECUTION_REPORT: (17,),
    TRADE_CAPTURE_REPORT: (571,),
}
