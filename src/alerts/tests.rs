//! What is told, when, and how it is delivered.
