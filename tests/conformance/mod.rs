//! One list of requests and transactions with the answers that a chain gives to them, played to
//! every chain there is: the embedded one and real nodes, of both versions.
//!
//! An expectation is written once. `{v}` in it is the version's word, and `<int>` and its like stand
//! for what differs from run to run (see [`pattern`]).

pub(crate) mod book;
pub(crate) mod client;
mod events;
mod funds;
mod inactive;
mod network;
mod pattern;
mod places;
mod queries;
mod queries_of_the_sdk;
mod refused_at_once;
mod refused_in_block;
mod reputers;
mod rpc_errors;
mod rpc_shapes;
pub(crate) mod scene;
pub(crate) mod settled;
mod several;
mod sockets;
mod spoilt_bundles;
pub(crate) mod target;
mod timeouts;
pub(crate) mod wallet;

use scene::Scene;
pub(crate) use {
    book::Book,
    client::Client,
    target::{Change, Target, Version},
};

/// The topic that all cases are about.
pub(crate) const TOPIC: u64 = 67;

/// Plays the whole list; gives what was expected and what came.
pub(crate) async fn play(target: &dyn Target) -> Book {
    let mut book = Book::new(target.version());
    let mut scene = Scene::new(target).await;
    rpc_errors::play(&scene, &mut book).await;
    queries::before_anything(&scene, &mut book).await;
    network::before_anything(&scene, &mut book).await;
    several::registration(&mut scene, &mut book).await;
    refused_at_once::play(&scene, &mut book).await;
    timeouts::play(&scene, &mut book).await;
    sockets::play(&scene, &mut book).await;
    refused_in_block::play(&mut scene, &mut book).await;
    several::play(&mut scene, &mut book).await;
    rpc_shapes::play(&mut scene, &mut book).await;
    let nonce = events::play(&mut scene, &mut book).await;
    network::of_one(&scene, &mut book, nonce).await;
    queries::after_a_window(&scene, &mut book).await;
    network::of_two(&scene, &mut book).await;
    places::play(&mut scene, &mut book).await;
    reputers::play(&scene, &mut book, nonce).await;
    inactive::play(&scene, &mut book).await;
    funds::play(&scene, &mut book).await;
    book
}
