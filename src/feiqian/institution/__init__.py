"""An operating institution: its currency manager, its record of identifiers, and its wallets' accounts."""
