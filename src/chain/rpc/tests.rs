//! The pool against local servers that misbehave.
