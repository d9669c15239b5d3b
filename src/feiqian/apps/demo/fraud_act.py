"""The act of fraud: a double spend, which no chip would sign, by a key that is in no chip.

The key comes from the testing kit. An institution has certified it like a chip's, as it would a chip
that was broken open; no command of the product can do this.
"""

from feiqian.adapters.clock import system_entropy
from feiqian.apps import network as networks
from feiqian.apps.configuration import CentralConfig, load
from feiqian.apps.demo.acts import Facts
from feiqian.apps.demo.stage import CODES, FIRST, SECOND, PromiseBroken, Stage
from feiqian.apps.founding import CONFIG_FILE
from feiqian.crypto.suite_names import suite_named
from feiqian.institution import documents
from feiqian.money.amounts import format_amount
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Courier
from feiqian.testing.bare_wallets import BareWallet, full_item
from feiqian.testing.served_network import served_network
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.payment import PAYMENTS_PATH, PaymentRequest, PaymentResult

ISSUER = "A"
SPENT_MINOR = 50_00
NONCE_BYTES = 16


async def double_spend(stage: Stage) -> Facts:
    """Pay two wallets with one currency."""
    central = load(stage.network / networks.CENTRAL / CONFIG_FILE, CentralConfig)
    root_raw = (stage.network / networks.CENTRAL / central.root_file).read_bytes()
    url = networks.institution_url(stage.network, ISSUER)
    seed = system_entropy(NONCE_BYTES).hex()
    async with served_network(suite_named(central.suite), root_raw, url, seed) as network:
        outsider = await BareWallet.open(network, ISSUER, "a key outside any chip")
        cash = await outsider.withdraw(SPENT_MINOR)
        stage.tell(
            f"Not a chip but a bare key withdrew {format_amount(SPENT_MINOR)}: one currency."
        )
        requests = {}
        for name in (SECOND, FIRST):
            nonce = system_entropy(NONCE_BYTES)
            paid, _ = outsider.spend(cash, await _fingerprint(stage, name), SPENT_MINOR, nonce)
            requests[name] = encode_message(PaymentRequest(nonce, (full_item(paid),)))
        facts = await _present(stage, network.courier, requests)
    return {**facts, **await _aftermath(stage)}


async def _present(stage: Stage, courier: Courier, requests: dict[str, bytes]) -> Facts:
    """The second wallet's manager gets its transfer first; then the first wallet's gets the other."""
    urls = {
        name: networks.institution_url(stage.network, CODES[name]) + PAYMENTS_PATH
        for name in requests
    }
    honest = await courier.post(urls[SECOND], requests[SECOND])
    stage.tell(f"It signed that currency over to the second wallet, and {CODES[SECOND]} cashed it.")
    refusal = await _refusal(courier, urls[FIRST], requests[FIRST])
    stage.expect(refusal.outcome is Outcome.DOUBLE_SPENT, "the second transfer to be double_spent")
    stage.tell(f"It signed it over to the first wallet, too. {CODES[FIRST]}: {refusal.outcome}.")
    again = await courier.post(urls[SECOND], requests[SECOND])
    issued = decode_message(again, PaymentResult).currencies
    same = issued == decode_message(honest, PaymentResult).currencies
    stage.expect(same, "the same currency as before for the same transfer")
    stage.tell("The first transfer once more is a repeat, and harmless: the same currency again.")
    return {"outcome": refusal.outcome, "spent_minor": SPENT_MINOR, "repeat_is_harmless": same}


async def _refusal(courier: Courier, url: str, request: bytes) -> Refusal:
    try:
        await courier.post(url, request)
    except Refusal as refusal:
        return refusal
    raise PromiseBroken("expected the second transfer of one currency to be refused")


async def _aftermath(stage: Stage) -> Facts:
    report = await stage.operator(ISSUER).get("/api/report", documents.InstitutionReport)
    stage.expect(report.double_spends == 1, "one double spend in the issuer's evidence")
    stage.tell(f"{ISSUER} keeps both signed transfers: they are the evidence, and name the key.")
    before_minor = await stage.held_minor(SECOND)
    async with stage.wallet(SECOND) as wallet:
        await wallet.synchronise()
        loaded_minor = (await wallet.balance()).held_minor - before_minor
    stage.expect(loaded_minor == SPENT_MINOR, "the honest payee to hold what was cashed for it")
    stage.tell(f"The second wallet synchronised, and loaded its {format_amount(loaded_minor)}.")
    return {"evidence": report.double_spends, "loaded_minor": loaded_minor}


async def _fingerprint(stage: Stage, name: str) -> bytes:
    async with stage.wallet(name) as wallet:
        return wallet.holder.certificate.fingerprint
