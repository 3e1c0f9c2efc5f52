#!/usr/bin/env bash
# Many topics on a real node, answered by one process of the release binary with one wallet: all windows
# in the same block, one a block, and with one topic among them that refuses its answer. Tables with
# windows, transactions, gas and times.
#
#   scripts/show_many_topics.sh [TOPICS [EPOCHS [STAGGERED]]]
#       topics (64), epochs with their windows in the same block (10), epochs with one a block (3);
#       about twelve minutes after the builds
#   ALLORA_WORKER_BIN=FILE   runs another binary
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/show.sh
topics=${1:-64} epochs=${2:-10} staggered=${3:-3}
want_number TOPICS "$topics"
want_number EPOCHS "$epochs"
want_number STAGGERED "$staggered"

prepare
export ALLORA_REAL_TOPICS=$topics ALLORA_REAL_EPOCHS=$epochs ALLORA_REAL_EPOCHS_STAGGERED=$staggered
# One after the other: each has the machine to itself.
show "$((900 + 30 * epochs + (staggered + 2) * (topics + 8) * 3))" many_topics:: --test-threads 1
