"""Synchronising wallets' chips: this institution's word that a wallet is in touch, numbered (W-10)."""

from feiqian.crypto.cbor import VERSION
from feiqian.institution import wallets
from feiqian.institution.office import Office
from feiqian.institution.wallets import CustomerWallet
from feiqian.ports import Transaction
from feiqian.wire.synchronisation import SYNCHRONISATION, Synchronisation
from feiqian.wire.wallet_requests import SynchroniseResult


def synchronise(tx: Transaction, office: Office, wallet: CustomerWallet) -> SynchroniseResult:
    """The next statement for the wallet's chip. `Refusal` wallet_frozen."""
    wallets.check_active(wallet)
    moment = office.clock.now()
    ((number,),) = tx.query(
        "INSERT INTO synchronisations (wallet, number, synchronised_at_ms) VALUES (?, 1, ?)"
        " ON CONFLICT (wallet) DO UPDATE SET number = synchronisations.number + 1,"
        " synchronised_at_ms = excluded.synchronised_at_ms RETURNING number",
        (wallet.number, moment.midpoint_ms),
    )
    statement = Synchronisation(VERSION, wallet.number, moment, number)
    raw = SYNCHRONISATION.sign(office.suite, office.key, statement)
    return SynchroniseResult(VERSION, raw)
