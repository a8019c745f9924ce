"""Measures how late a venue's data is: a message's time from SendingTime to read, less the shortest such time.

The clocks of two machines differ, so the absolute time in transit is unknown. The difference is queueing: here, on the
network, or at the venue. The shortest time is that since the Logon, and grows by one part in 5,000, as fast as two
clocks may drift apart. So a persistent queue does not become the baseline.
"""

from numba import njit

from quotelife.fix import fields as F
from quotelife.marketdata import layout as M
from quotelife.runtime.clock import NS_PER_S

_DRIFT = 5_000
_WHOLE_SECONDS = 17  # characters of a SendingTime without decimals


@njit("void(uint8[::1], int64[::1], int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def update_lateness(buf, control, start, end, now_ns):
    """Set control[LATE_NS] from a message read at `now_ns` (monotonic) with SendingTime buf[start:end]. An invalid
    SendingTime is ignored; one in whole seconds is given a second's tolerance."""
    sent_ns = F.parse_utc_timestamp(buf, start, end)
    if sent_ns == F.INVALID:
        return
    took_ns = now_ns - sent_ns
    quickest_ns = took_ns
    if control[M.QUICKEST_AT_NS] != 0:
        grown_ns = (now_ns - control[M.QUICKEST_AT_NS]) // _DRIFT
        quickest_ns = min(took_ns, control[M.QUICKEST_NS] + grown_ns)
    control[M.QUICKEST_NS], control[M.QUICKEST_AT_NS] = quickest_ns, now_ns
    late_ns = took_ns - quickest_ns
    if end - start == _WHOLE_SECONDS:
        late_ns = max(late_ns - NS_PER_S, 0)
    control[M.LATE_NS] = late_ns
