#!/usr/bin/env bash
# 1,000 stub models in a process of their own: how long a tick and a prediction take with all of them,
# with a tenth of them hanging, and what they cost the client. MODELS=N: another number.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# A listener and a connection for each model.
ulimit -n 16384 2>/dev/null || ulimit -n "$(ulimit -Hn)"
exec cargo bench --locked --bench models
