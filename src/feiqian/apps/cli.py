"""The command line: one group for each party, and the commands that span them all.

A group's module is imported when the group is asked for, so that a wallet command does not pay for
loading a server.
"""

from importlib import import_module

import click

from feiqian import __version__

_COMMANDS = {
    "audit": "feiqian.apps.cli_audit",
    "central": "feiqian.apps.cli_central",
    "demo": "feiqian.apps.cli_demo",
    "entity": "feiqian.apps.cli_entity",
    "evidence": "feiqian.apps.cli_evidence",
    "ground": "feiqian.apps.cli_ground",
    "institution": "feiqian.apps.cli_institution",
    "list": "feiqian.apps.cli_list:list_group",
    "network": "feiqian.apps.cli_network",
    "positions": "feiqian.apps.cli_positions",
    "provider": "feiqian.apps.cli_provider",
    "satellite": "feiqian.apps.cli_satellite",
    "simulate": "feiqian.apps.cli_simulate",
    "vehicle": "feiqian.apps.cli_vehicle",
    "wallet": "feiqian.apps.cli_wallet",
}
"""Each command and the module that has it, under the same name unless another one is given."""


class _Parties(click.Group):
    """A group that imports its commands when they are asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(import_module(module), name or cmd_name)
        return found


@click.command(cls=_Parties)
@click.version_option(__version__, prog_name="feiqian")
def main() -> None:
    """Feiqian: a two-tier digital currency that also works where there is no network."""
