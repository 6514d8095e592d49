"""``scopert bench``: workloads, peers, a table, a picture, a file."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from scopert.cli.bench.machine import cores, describe
from scopert.cli.bench.peers import Peer, known_peers
from scopert.cli.bench.programs import FAMILIES, WORKLOADS
from scopert.cli.bench.report import document, draw, show, write_json
from scopert.cli.bench.rounds import Options, measure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommand's options."""
    parser.add_argument("names", nargs="*", metavar="WORKLOAD", help="workloads or families; all by default")
    parser.add_argument("--list", action="store_true", help="show workloads, families and peers, and measure nothing")
    parser.add_argument("--peers", help="only these, separated by commas; by default all that are installed")
    parser.add_argument(
        "--python", action="append", default=[], metavar="PEER=PATH",
        help="the interpreter that has a peer; PEER-SUFFIX=PATH adds another one of the same library",
    )  # fmt: skip
    parser.add_argument("--compare", metavar="CHECKOUT", help="another checkout of scopert, in turn with this one")
    parser.add_argument("--rounds", type=int, default=5, help="how often each peer's turn comes (5)")
    parser.add_argument("--seconds", type=float, default=0.2, help="time of a turn (0.2)")
    parser.add_argument("--threads", type=int, default=cores(), help="threads of every peer; the cores, by default")
    parser.add_argument("--small", action="store_true", help="sizes for trying it out: the numbers mean nothing")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write JSON and a PNG, named by date and CPU")


def main(args: argparse.Namespace) -> int:
    """Measures; the status is 1 if a result was wrong or a peer failed, 2 for a bad argument."""
    try:
        names = _workloads(args.names)
        pythons = dict(_pair(text) for text in args.python)
        peers = known_peers(pythons, args.compare)
        if args.peers is not None or args.compare is not None:
            peers = _chosen(peers, args.peers, args.compare is not None)
        if args.rounds < 1 or args.seconds <= 0 or args.threads < 1:
            raise ValueError("--rounds, --seconds and --threads must be positive")
    except ValueError as error:
        print(f"scopert bench: {error}", file=sys.stderr)
        return 2
    missing = {peer.name: peer.missing() for peer in peers}
    for name, reason in missing.items():
        if reason is not None:
            print(f"left out: {name} ({reason})")
    peers = [peer for peer in peers if missing[peer.name] is None]
    if args.list:
        _list(peers)
        return 0
    machine = describe()
    options = Options(args.rounds, args.seconds, args.threads, small=args.small)
    results = measure(names, peers, options, say=lambda text: print(text, file=sys.stderr, flush=True))
    base = "other" if args.compare is not None else None
    shown = [peer.name for peer in peers]
    show(results, shown, base)
    if args.out is not None:
        settings = {
            "rounds": args.rounds, "seconds": args.seconds, "threads": args.threads, "small": args.small,
            **{name: os.environ[name] for name in ("SCOPERT_JIT", "SCOPERT_OPTIMIZE") if name in os.environ},
        }  # fmt: skip
        args.out.mkdir(parents=True, exist_ok=True)
        stem = args.out / _stem(machine["date"], machine["cpu"], args.threads)
        write_json(stem.with_suffix(".json"), document(results, machine, settings))
        title = f"{machine['cpu']}, {args.threads} threads, {machine['date']}"
        problem = draw(stem.with_suffix(".png"), results, title, base)
        print(f"wrote {stem}.json" + ("" if problem else " and .png"))
        if problem:
            print(f"no picture: {problem}")
    return int(any(measured.problem for result in results for measured in result.peers.values()))


def _workloads(names: list[str]) -> list[str]:
    """Names of workloads; a family stands for all of its own."""
    if not names:
        return list(WORKLOADS)
    found: dict[str, None] = {}
    for name in names:
        if name in FAMILIES:
            found.update(dict.fromkeys(workload.name for workload in FAMILIES[name].WORKLOADS))
        elif name in WORKLOADS:
            found[name] = None
        else:
            raise ValueError(f"there is no workload or family {name!r}; --list shows them")
    return list(found)


def _pair(text: str) -> tuple[str, str]:
    name, sign, path = text.partition("=")
    if not (name and sign and path):
        raise ValueError(f"--python takes PEER=PATH, got {text!r}")
    return name, path


def _chosen(peers: list[Peer], names: str | None, compare: bool) -> list[Peer]:
    """Those asked for, and scopert; two checkouts alone, unless peers are named."""
    wanted = set(names.split(",")) if names else set()
    unknown = wanted - {peer.name for peer in peers}
    if unknown:
        raise ValueError(f"there is no peer {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in peers)}")
    wanted |= {"scopert", "other"} if compare else {"scopert"}
    return [peer for peer in peers if peer.name in wanted]


def _list(peers: list[Peer]) -> None:
    print("peers: " + ", ".join(peer.name for peer in peers))
    for family, module in FAMILIES.items():
        print(f"\n{family}")
        for workload in module.WORKLOADS:
            print(f"  {workload.name:<24}{workload.what}")


def _stem(date: str, cpu: str, threads: int) -> str:
    return f"{date}-{re.sub(r'[^a-z0-9]+', '-', cpu.lower()).strip('-')}-{threads}-threads"
