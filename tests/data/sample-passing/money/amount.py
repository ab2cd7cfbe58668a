"""Amounts in the smallest unit of a currency."""


def add(amounts):
    """The sum of amounts, 0 for none."""
    return sum(amounts)


def share(amount, people):
    """Splits an amount among people, the first ones paying what is left over."""
    if people < 1:
        raise ValueError("at least one person must pay")
    each, rest = divmod(amount, people)
    return [each + 1] * rest + [each] * (people - rest)
