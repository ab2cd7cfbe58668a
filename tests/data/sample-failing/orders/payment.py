"""Payments by card."""

import requests


def pay(address, card):
    """Sends a payment to the bank."""
    return requests.post(address, data=card, verify=False)
