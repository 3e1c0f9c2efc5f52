//! The pool against local nodes that behave and misbehave.

mod asking;
mod broadcasting;
mod grpc;
mod hedging;
mod kit;
mod leash;
mod resting;
mod watching;
