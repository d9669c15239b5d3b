"""The command line: one group for each party, and the commands that span them all."""

import click

from feiqian import __version__
from feiqian.apps.cli_audit import audit
from feiqian.apps.cli_central import central
from feiqian.apps.cli_demo import demo
from feiqian.apps.cli_institution import institution
from feiqian.apps.cli_network import network
from feiqian.apps.cli_wallet import wallet


@click.group()
@click.version_option(__version__, prog_name="feiqian")
def main() -> None:
    """Feiqian: a two-tier digital currency that also works where there is no network."""


for group in (network, central, institution, wallet, audit, demo):
    main.add_command(group)
