"""A client's response time: log-normal, given by its mean and coefficient of variation."""

import math

from numba import njit

_ROOT_2 = math.sqrt(2.0)


@njit("UniTuple(float64, 2)(float64, float64)", cache=True, nogil=True, _nrt=False)
def log_moments(mean_ms, cv):
    """(mu, sigma) of the logarithm of the time, for a time of this mean and coefficient of variation."""
    mean = max(mean_ms, 1e-3) if mean_ms == mean_ms else 1e-3
    spread = min(max(cv, 0.05), 5.0) if cv == cv else 1.0
    variance = math.log1p(spread * spread)
    return math.log(mean) - 0.5 * variance, math.sqrt(variance)


@njit("float64(float64, float64, float64)", cache=True, nogil=True, _nrt=False)
def responded(mu, sigma, log_t):
    """Probability of a response by time t, where log_t is the logarithm of t in ms."""
    return 0.5 * math.erfc((mu - log_t) / (sigma * _ROOT_2))


@njit("float64(float64)", cache=True, nogil=True, _nrt=False)
def _normal_quantile(p):
    """Acklam's rational approximation, relative error below 1.2e-9."""
    if p < 0.02425:
        q = math.sqrt(-2.0 * math.log(p))
        top = ((((-7.784894002430293e-3 * q - 0.3223964580411365) * q - 2.400758277161838) * q) - 2.549732539343734) * q
        top = (top + 4.374664141464968) * q + 2.938163982698783
        low = ((7.784695709041462e-3 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416
        return top / (low * q + 1.0)
    if p > 1.0 - 0.02425:
        return -_normal_quantile(1.0 - p)
    q = p - 0.5
    r = q * q
    top = ((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.3577518672690
    top = ((top * r - 30.66479806614716) * r + 2.506628277459239) * q
    low = ((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972
    return top / ((low * r - 13.28068155288572) * r + 1.0)


@njit("float64(float64, float64, float64)", cache=True, nogil=True, _nrt=False)
def response_quantile(mu, sigma, p):
    """Time in ms by which the client has responded with probability p."""
    return math.exp(mu + sigma * _normal_quantile(min(max(p, 1e-9), 1.0 - 1e-9)))
