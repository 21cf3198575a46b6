#!/usr/bin/env bash
# Runs every example, and holds what it prints against the comment at its head, between the lines "Prints:" and the first code.
#   scripts/check_examples.sh           fails where they differ
#   scripts/check_examples.sh --built   the same, with the examples that `make test` has built
#   scripts/check_examples.sh --write   writes what is printed into the comments
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" != --built ]; then
    cargo build --release --locked --package homodyne --examples
fi
for source in examples/*.rs; do
    name=$(basename "$source" .rs)
    printed=$("target/release/examples/$name")
    if [ "${1:-}" = --write ]; then
        python3 - "$source" "$printed" <<'PYTHON'
import sys
path, printed = sys.argv[1:]
text = open(path).read()
head, rest = text.split("//! Prints:\n", 1)
lines = rest.split("\n")
code = "\n" + "\n".join(lines[next(k for k, line in enumerate(lines) if not line.startswith("//!")):])
body = "".join(f"//! {line}".rstrip() + "\n" for line in printed.split("\n"))
open(path, "w").write(head + "//! Prints:\n//! ```text\n" + body + "//! ```" + code)
PYTHON
    else
        stated=$(sed -n '/^\/\/! ```text$/,/^\/\/! ```$/p' "$source" | sed '1d;$d;s/^\/\/! \{0,1\}//')
        if [ "$stated" != "$printed" ]; then
            echo "$source does not print what its head says:" >&2
            diff <(echo "$stated") <(echo "$printed") >&2 || true
            exit 1
        fi
    fi
done
echo "examples: all print what they say"
