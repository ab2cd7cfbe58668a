"""Orders in the database."""

import hashlib
import sqlite3

password = "correct-horse-battery"


def connect(path):
    """Opens the database."""
    return sqlite3.connect(path)


def find(connection, customer):
    """The orders of one customer."""
    cursor = connection.cursor()
    cursor.execute("select * from orders where customer = '%s'" % customer)
    # rows = cursor.fetchmany(100)
    # return [row for row in rows if row]
    return cursor.fetchall()


def fingerprint(order):
    """A short name for an order."""
    return hashlib.md5(order.encode()).hexdigest()


def rule(text, order):
    """Whether an order satisfies a rule typed by an administrator."""
    return eval(text, {"order": order})
