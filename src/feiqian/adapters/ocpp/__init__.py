"""Charge points by the Open Charge Point Protocol, JSON over WebSocket: 1.6 and 2.0.1 (extra `vehicle`)."""
