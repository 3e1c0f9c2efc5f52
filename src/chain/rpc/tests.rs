//! The pool against local nodes that behave and misbehave.

mod asking;
mod broadcasting;
mod grpc;
mod kit;
mod leash;
mod watching;
