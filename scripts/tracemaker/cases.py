"""The list of traces: a case is a name, a sentence, a kind of link and a function that makes the traffic."""

import dataclasses
import typing

CASES = {}


@dataclasses.dataclass(frozen=True)
class Case:
    """How one trace is made."""

    name: str
    shows: str
    body: typing.Callable
    link: str = "veth"
    at: str = "a"
    snap: int | None = None
    relay: tuple = ()
    wrap: str | None = None
    mtu: int = 1400
    device: str | None = None
    tcpdump: tuple = ()
    expression: str = ""
    manual: bool = False
    witnessed: bool = False


def add(name, shows, body, **settings):
    """Puts one case on the list."""
    CASES[name] = Case(name, " ".join(shows.split()), body, **settings)


def case(name, shows, **settings):
    """The same as a decorator."""

    def put(body):
        add(name, shows, body, **settings)
        return body

    return put
