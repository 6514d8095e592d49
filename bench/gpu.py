"""The GPU backend, measured and checked.

``python bench/gpu.py --offline`` needs no card: programs on the host device, kernels through NVRTC, tests.
``python bench/gpu.py`` on a card: tests, a sanitizer's sample, and workloads beside JAX and torch.compile.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
for _path in (_ROOT / "bench", _ROOT / "backends", _ROOT):
    if str(_path) not in sys.path:
        sys.path.insert(0, str(_path))
os.environ["PYTHONPATH"] = os.pathsep.join([str(_ROOT), str(_ROOT / "backends"), str(_ROOT / "bench"),
                                            *filter(None, [os.environ.get("PYTHONPATH")])])  # fmt: skip


def main() -> int:
    """Parses the command line and does what it asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offline", action="store_true", help="what can be proven without a card")
    parser.add_argument("--no-tests", action="store_true", help="leave the test suite out")
    parser.add_argument("--tests-only", action="store_true", help="on a card: the test suite and the sanitizers")
    parser.add_argument("--minutes", type=float, default=8.0, help="how long all of it may take on a card")
    parser.add_argument("--only", nargs="*", help="names of workloads")
    parser.add_argument("--peers", nargs="*", default=["jax", "torch"], help="who is timed beside scopert")
    parser.add_argument("--small", action="store_true", help="small sizes, to try the programs out")
    parser.add_argument("--torch-mode", default="reduce-overhead", help="of torch.compile")
    parser.add_argument("--out", type=Path, default=_ROOT / "bench" / "results", help="where the JSON goes")
    options = parser.parse_args()
    if options.offline:
        from card import offline

        return 1 if offline.main(tests=not options.no_tests) else 0
    from card import online

    return online.main(options)


if __name__ == "__main__":
    sys.exit(main())
