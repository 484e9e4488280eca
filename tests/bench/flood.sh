#!/usr/bin/env bash
# Prints what a user's round trips take alone, and beside another user who floods the service: the figures of the tests
# service_neighbours_flood, which also assert that nobody is starved.
#
#   BUILD=build   where outputd, trackersim and tests/integration are
#   RUNS=1        rounds
set -euo pipefail

cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
export OUTPUTD=$BUILD/outputd TRACKERSIM=$BUILD/trackersim

for ((run = 0; run < ${RUNS:-1}; run++)); do
    "$BUILD/tests/integration" --color=never -j1 --filter 'service_neighbours_flood/*' 2>&1 |
        grep -aE '^flood: |^\[FAIL\]|Assertion|Synthesis'
done
