"""When the service takes the next message: once in a period, or when it said so.

Readings are of the sender's own oscillator, in milliseconds; only their differences count.
"""

from feiqian.wire.short_messages import ChannelClass


class Pace:
    """The pace of one terminal."""

    def __init__(self, channel: ChannelClass) -> None:
        self._period_ms = channel.period_ms
        self.free_at_ms = 0
        """Reading from which a message may be tried."""

    def sent(self, reading_ms: int) -> None:
        """The service took a message, or may have taken it."""
        self.free_at_ms = reading_ms + self._period_ms

    def put_off(self, reading_ms: int, wait_ms: int) -> None:
        """The service takes none for so long."""
        self.free_at_ms = reading_ms + max(1, wait_ms)
