"""The central platform: root of trust, issuance, reserves, settlement, double-spending list, remote control."""
