//go:build tools

// Package localnet pins the chain's own daemon as a build dependency: nothing
// here is compiled into the worker.
package localnet

import _ "github.com/allora-network/allora-chain/cmd/allorad"
