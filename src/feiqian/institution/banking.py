"""Between bank account and wallet: withdraw, deposit, convert (P-04, C-14, C-19).

Withdrawing is one transaction. Depositing and converting take back what the wallet's chip has paid
to this institution's own key: it is presented to its issuers like any payment, and what was cashed
becomes bank money or one new currency. Only the chip that paid may say what becomes of it.
"""

from collections.abc import Sequence

from feiqian.crypto.cbor import VERSION
from feiqian.institution import accounts, books, presented, wallets
from feiqian.institution.issuing import issue, issued_for
from feiqian.institution.office import Office
from feiqian.institution.payments import (
    check_items,
    payee_and_nonce,
    raise_first_refusal,
    renewals_of,
)
from feiqian.institution.presented import Item, Payment, Purpose
from feiqian.institution.presenting import Presenter
from feiqian.institution.wallets import CustomerWallet
from feiqian.money.limits import check_holding, limits_of
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.items import CheckedItem
from feiqian.wire.wallet_requests import (
    ConvertResult,
    DepositResult,
    IssuedResult,
    RedeemBody,
    WithdrawBody,
)


def withdraw(
    tx: Transaction, office: Office, wallet: CustomerWallet, body: WithdrawBody, request_id: bytes
) -> IssuedResult:
    """Take bank money, issue one currency of the same amount.

    Raises `Refusal`: wallet_frozen, unknown_wallet without an account, over_holding_limit,
    insufficient_funds, quota_exceeded.
    """
    wallets.check_active(wallet)
    amount_minor, now_ms = body.amount_minor, office.now_ms()
    check_holding(limits_of(wallet.tier), 0, amount_minor)
    reference = f"withdraw {wallet.number}"
    account = wallets.account_of(tx, wallet.number)
    accounts.debit(tx, account, amount_minor, reference, now_ms)
    books.post(tx, books.HEADROOM, books.CIRCULATION, amount_minor, reference, now_ms)
    currency = issue(tx, office, wallets.chip_of(tx, wallet.number), amount_minor, request_id)
    return IssuedResult(VERSION, (currency.raw,))


async def deposit(
    office: Office, presenter: Presenter, wallet: CustomerWallet, body: RedeemBody
) -> DepositResult:
    """Credit the wallet's bank account with what its items are worth. `Refusal` by name."""
    name = await _redeem(office, presenter, wallet, body, Purpose.DEPOSIT)
    return await office.store.read(lambda tx: _deposited(tx, name, wallet.number))


async def convert(
    office: Office, presenter: Presenter, wallet: CustomerWallet, body: RedeemBody
) -> ConvertResult:
    """Issue one own currency worth the sum of the items. `Refusal` by name."""
    name = await _redeem(office, presenter, wallet, body, Purpose.CONVERT)
    return await office.store.read(lambda tx: _converted(tx, name))


async def _redeem(
    office: Office, presenter: Presenter, wallet: CustomerWallet, body: RedeemBody, purpose: Purpose
) -> bytes:
    wallets.check_active(wallet)
    checked = check_items(office, body.items)
    payee, nonce = payee_and_nonce(checked)
    if payee != office.fingerprint:
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected transfers to {office.code} itself")
    if any(each.payer.value.subject != wallet.number for each in checked):
        raise Refusal(Outcome.WRONG_OWNER, "expected transfers signed by this wallet's own chip")
    name = presented.name_payment([each.payment.name for each in checked])
    payment = Payment(name, purpose, wallet.number, nonce)
    to_present = await office.store.write(
        lambda tx: _receive(tx, payment, checked, office.now_ms())
    )
    await presenter.present(to_present)
    return name


def _receive(
    tx: Transaction, payment: Payment, checked: Sequence[CheckedItem], now_ms: int
) -> tuple[Item, ...]:
    if payment.purpose is Purpose.DEPOSIT:
        wallets.account_of(tx, payment.wallet)
    items = [presented.new_item(each, None) for each in checked]
    return presented.receive(tx, payment, items, now_ms)


def _deposited(tx: Transaction, name: bytes, wallet: str) -> DepositResult:
    items = presented.decided(tx, name)
    raise_first_refusal(items)
    amount_minor = sum(item.amount_minor for item in items)
    balance_minor = accounts.balance_of(tx, wallets.account_of(tx, wallet))
    return DepositResult(VERSION, amount_minor, balance_minor, renewals_of(items))


def _converted(tx: Transaction, name: bytes) -> ConvertResult:
    items = presented.decided(tx, name)
    raise_first_refusal(items)
    currencies = issued_for(tx, name)
    return ConvertResult(VERSION, currencies[0], renewals_of(items))
