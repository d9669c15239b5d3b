"""The rules that a holder may set for the own wallet; what chip or manager enforce is not among them."""

from dataclasses import dataclass

from feiqian.protocol.payment.verification import CONNECTION_RULE, ConnectionRule
from feiqian.wallet.overdue import OVERDUE_RULE, OverdueRule


@dataclass(frozen=True, slots=True)
class WalletRules:
    """What counts as connected (W-01), and what as offline for too long (W-09)."""

    connection: ConnectionRule = CONNECTION_RULE
    overdue: OverdueRule = OVERDUE_RULE


WALLET_RULES = WalletRules()
