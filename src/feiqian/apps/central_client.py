"""How a command reaches the running platform: address and token of its configuration file.

Whatever changes something carries a key, so that it is safe to do it again when nothing was decided.
"""

from pathlib import Path
from typing import TypeVar

import click
import msgspec

from feiqian.adapters.clock import system_entropy
from feiqian.adapters.operator_client import OperatorClient
from feiqian.apps.configuration import CentralConfig, load, read_secret
from feiqian.apps.founding import CONFIG_FILE
from feiqian.central.control_documents import (
    ListingWish,
    NewOperator,
    NewStation,
    OperatorRemoval,
    OrderWish,
    ProposalDecision,
)
from feiqian.central.documents import Admission, CycleOrder, ModeChange, ReservesChange
from feiqian.central.list_documents import ListRevocation
from feiqian.outcomes import UNDECIDED, Refusal

KEY_BYTES = 12

Keyed = (
    Admission
    | ReservesChange
    | ModeChange
    | CycleOrder
    | ListRevocation
    | OrderWish
    | ListingWish
    | NewOperator
    | OperatorRemoval
    | ProposalDecision
    | NewStation
)
A = TypeVar("A", bound=msgspec.Struct)

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=CONFIG_FILE,
    show_default=True,
    help="The platform's configuration file.",
)
key_option = click.option(
    "--key", default="", help="Idempotency key: the same key never does it twice."
)
as_option = click.option(
    "--as",
    "token_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Your own token's file; without it you are the founder.",
)


def new_key() -> str:
    """A key for what is asked for the first time."""
    return system_entropy(KEY_BYTES).hex()


def client(config_path: Path, token_path: Path | None = None) -> OperatorClient:
    """An operator's client of the platform of a configuration file. `Refusal` malformed."""
    config = load(config_path, CentralConfig)
    token = read_secret(token_path or config_path.parent / config.operator_token_file)
    return OperatorClient(f"http://{config.host}:{config.port}", token)


async def do(
    config_path: Path, path: str, body: Keyed, answer: type[A], token_path: Path | None = None
) -> A:
    """Post `body`; when nothing is decided, say with which key to try again."""
    try:
        return await client(config_path, token_path).post(path, body, answer)
    except Refusal as refusal:
        if refusal.outcome not in UNDECIDED:
            raise
        detail = f"{refusal.detail}; try again with --key {body.key}"
        raise Refusal(refusal.outcome, detail) from refusal
