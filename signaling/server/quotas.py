"""Signaling, quotas: how often strangers may do something, by address. No sockets, no time of its own.

What is remembered of addresses is bounded: whoever has the most addresses must not have the most memory.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Allowance", "Meter", "Misses", "network_of"]

_REMEMBERED = 10_000  # addresses
_COUNTED_BYTES = 4096  # of a message count once


@dataclass(frozen=True, slots=True)
class Allowance:
    """`at_once` after a pause, `per_s` in the long run (a token bucket)."""

    at_once: float
    per_s: float


@dataclass(slots=True)
class _Bucket:
    level: float
    filled_s: float


class Meter:
    """Token buckets of one allowance, by key. A bucket may owe: what it owes is the time to wait."""

    def __init__(self, allowance: Allowance, *, now_s: Callable[[], float], remembered: int = _REMEMBERED) -> None:
        self._allowance = allowance
        self._now_s = now_s
        self._remembered = remembered
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str = "", *, size_bytes: int = 0) -> float:
        """Counts one message of `size_bytes`; returns the seconds to wait before it is acted on, 0.0 mostly."""
        bucket = self._filled(key)
        bucket.level -= 1 + size_bytes // _COUNTED_BYTES
        return max(0.0, -bucket.level / self._allowance.per_s)

    def has_room(self, key: str = "") -> bool:
        """Whether one more would be within the allowance now: for what is left out rather than made to wait."""
        return self._filled(key).level >= 1

    def _filled(self, key: str) -> _Bucket:
        """The key's bucket as it is by now."""
        allowance, now_s = self._allowance, self._now_s()
        bucket = self._buckets.setdefault(key, _Bucket(allowance.at_once, now_s))
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)  # the one that was quiet the longest
        bucket.level = min(allowance.at_once, bucket.level + (now_s - bucket.filled_s) * allowance.per_s)
        bucket.filled_s = now_s
        return bucket


@dataclass(slots=True)
class _Record:
    misses: int
    last_s: float


class Misses:
    """Wrong tokens by address: a few are free, after that nothing from there is looked at for a while.

    The pause doubles with each further miss up to `longest_s`; an address that is quiet for ten times
    as long is forgotten.
    """

    def __init__(
        self,
        *,
        now_s: Callable[[], float],
        free: int = 5,
        first_s: float = 1.0,
        longest_s: float = 60.0,
        remembered: int = _REMEMBERED,
    ) -> None:
        self._now_s = now_s
        self._free = free
        self._first_s = first_s
        self._longest_s = longest_s
        self._remembered = remembered
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def wait_s(self, key: str) -> float:
        """Seconds until a token from there is looked at again; 0.0 when it is now."""
        record = self._records.get(key)
        if record is None or record.misses <= self._free:
            return 0.0
        pause_s = min(self._longest_s, self._first_s * 2.0 ** min(record.misses - self._free - 1, 30))
        return max(0.0, record.last_s + pause_s - self._now_s())

    def miss(self, key: str) -> None:
        """A token from there was wrong."""
        now_s = self._now_s()
        record = self._records.setdefault(key, _Record(0, now_s))
        if now_s - record.last_s > 10 * self._longest_s:
            record.misses = 0
        record.misses += 1
        record.last_s = now_s
        self._records.move_to_end(key)
        if len(self._records) > self._remembered:
            self._records.popitem(last=False)


def network_of(address: str) -> str:
    """What counts as one stranger: an IPv4 address, mapped into IPv6 or not; the /64 of an IPv6 address.

    Text that is no address counts as itself.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((parsed, 64), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)
