"""What the programs that try a client share: each call is one line, "ok name" or "FAILED name: why"."""

import os

BASE_URL = os.environ["CLIENT_URL"]
API_KEY = os.environ["CLIENT_KEY"]


def ok(name):
    print(f"ok {name}", flush=True)


def failed(name, error):
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    print(f"FAILED {name}: {reason}", flush=True)


def call(name, work):
    """Tries one call; what comes after it goes on, whatever it did."""
    try:
        result = work()
        ok(name)
        return result
    except Exception as error:  # Whatever the client throws is the finding.
        failed(name, error)
        return None


async def acall(name, work):
    try:
        result = await work()
        ok(name)
        return result
    except Exception as error:  # Whatever the client throws is the finding.
        failed(name, error)
        return None
