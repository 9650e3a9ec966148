"""The traces: made once, kept as long as the generator and its arguments stay the same."""

import glob
import gzip
import hashlib
import json
import os
import shutil
import struct
import subprocess

SIZES = {
    # work: kind, arguments, arguments of a small run
    "web": ("web", ["--size", "2G"], ["--size", "10M"]),
    "small": ("small", ["--size", "800M"], ["--size", "5M"]),
    "dns": ("dns", ["--flows", "3000000"], ["--flows", "20000"]),
    "open": ("open", ["--flows", "1000000"], ["--flows", "10000"]),
    "rotated": ("web", ["--size", "800M"], ["--size", "8M"]),
    "peers": ("web", ["--size", "200M"], ["--size", "4M"]),
    "startup": ("web", ["--size", "1k"], ["--size", "1k"]),
}
PIECES = 4
CHUNK = 1 << 20


class Trace:
    """A file, or several that belong together, and what is in it."""

    def __init__(self, paths, packets, flows):
        self.paths = paths
        self.packets = packets
        self.flows = flows
        self.bytes = sum(os.path.getsize(path) for path in paths)


class Traces:
    def __init__(self, folder, generator, sources, small):
        self.folder = folder
        self.generator = generator
        self.small = small
        self.fingerprint = digest(sorted(glob.glob(os.path.join(sources, "*.rs"))))

    def get(self, name):
        """The trace of that name, made now unless it is there already."""
        kind, full, small = SIZES[name]
        arguments = [kind, *(small if self.small else full)]
        path = os.path.join(self.folder, f"{name}.pcap")
        facts = self.known(path, arguments) or self.make(path, arguments)
        return Trace([path], facts["packets"], facts["flows"])

    def compressed(self, name):
        """The same as four gzip files, one after the other in time."""
        whole = self.get(name)
        pieces = [os.path.join(self.folder, f"{name}.{number}.pcap.gz") for number in range(PIECES)]
        newest = os.path.getmtime(whole.paths[0])
        if not all(os.path.exists(piece) and os.path.getmtime(piece) >= newest for piece in pieces):
            split(whole.paths[0], pieces)
        return Trace(pieces, whole.packets, whole.flows)

    def known(self, path, arguments):
        try:
            with open(path + ".json", encoding="utf-8") as file:
                facts = json.load(file)
            same = facts["arguments"] == arguments and facts["generator"] == self.fingerprint
            return facts if same and facts["bytes"] == os.path.getsize(path) else None
        except (OSError, ValueError, KeyError):
            return None

    def make(self, path, arguments):
        made = subprocess.run([self.generator, *arguments, path], stderr=subprocess.PIPE, text=True, check=False)
        if made.returncode != 0:
            raise SystemExit(f"the generator failed: {made.stderr.strip()}")
        facts = json.loads(made.stderr) | {"arguments": arguments, "generator": self.fingerprint}
        with open(path, "rb") as file:
            # Pages that are not on the disk yet cannot be dropped from the cache later.
            os.fsync(file.fileno())
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump(facts, file)
        return facts


def digest(paths):
    state = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            state.update(file.read())
    return state.hexdigest()


def split(path, pieces):
    """Cuts a pcap file between records into gzip files of about the same size."""
    borders = places(path, len(pieces))
    with open(path, "rb") as source:
        head = source.read(24)
        for piece, begin, end in zip(pieces, borders, borders[1:]):
            with gzip.open(piece + ".part", "wb", compresslevel=6) as target:
                target.write(head)
                source.seek(begin)
                copy(source, target, end - begin)
            shutil.move(piece + ".part", piece)


def places(path, pieces):
    """Where pieces begin, and the end of the file."""
    size = os.path.getsize(path)
    borders, place = [24], 24
    with open(path, "rb") as file:
        while place < size:
            file.seek(place + 8)
            (captured,) = struct.unpack("<I", file.read(4))
            place += 16 + captured
            if place >= len(borders) * size / pieces and len(borders) < pieces:
                borders.append(place)
    return borders + [size]


def copy(source, target, count):
    while count > 0:
        block = source.read(min(count, CHUNK))
        target.write(block)
        count -= len(block)
