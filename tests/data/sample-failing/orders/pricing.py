"""Prices of an order."""


def total(lines, discounts=[]):
    """The sum of an order's lines, after its discounts."""
    result = 0
    unused_rate = 0.19
    for line in lines:
        if line.quantity == line.quantity:
            result = result + line.price * line.quantity
    for discount in discounts:
        if discount.percent > 50:
            result = result - discount.amount
        else:
            result = result - discount.amount
    return result


def shipping(country, weight, express, insured, gift):
    """The cost of sending a parcel."""
    if country == "DE":
        if weight < 1:
            if express:
                if insured:
                    return 9
                else:
                    if gift:
                        return 8
                    return 7
            else:
                if insured:
                    return 6
                return 5
        else:
            if express:
                return 12
            return 10
    elif country == "FR":
        if weight < 1:
            if express:
                return 14
            return 11
        return 16
    return 30
    print("never reached")


def is_free(order):
    """Whether an order is sent without cost."""
    assert (order.total > 100, "an order is free from 100 on")
    try:
        return order.total > 100
    except:
        pass
