#!/usr/bin/env bash
# The tables of docs/benchmarks.md are what the records of their runs say.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
python3 bench/document.py --check
printf '%s tables looked at\n' "$(grep -c '^<!-- bench/records: ' docs/benchmarks.md || true)"
