"""Tests of amounts."""

import unittest

from money.amount import add, share


class AmountTest(unittest.TestCase):
    """Sums and shares."""

    def test_nothing_sums_to_zero(self):
        """No amount at all is 0."""
        self.assertEqual(add([]), 0)

    def test_a_share_loses_nothing(self):
        """The shares sum to the amount."""
        self.assertEqual(share(100, 3), [34, 33, 33])

    def test_somebody_must_pay(self):
        """Nobody cannot pay."""
        self.assertRaises(ValueError, share, 100, 0)
