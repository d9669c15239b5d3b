"""A parking place without any device: time runs from the match until the vehicle has left, as it says.

Nobody there can say whether somebody stands on it, so the answer to a question is no: an ambiguous
position is not resolved by a guess.
"""

from feiqian.protocol.equipment import Command


class BareBay:
    """`protocol.equipment.Equipment` of a place where only time counts."""

    def occupied(self) -> bool:
        """Not that anybody here knew of."""
        return False

    async def do(self, command: Command) -> None:
        """There is nothing to move."""
