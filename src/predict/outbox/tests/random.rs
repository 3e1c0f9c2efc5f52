//! Order and completeness while everything fails at random and the process is killed again and again.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    double::Mood,
    kit::{Scene, model, performed, prediction, slots},
};
use crate::predict::Fact;

/// Rounds of so many models.
const MODELS: i64 = 5;

/// Kills follow puts at once, so that what is not yet on disk is lost as in life: it is put again, as
/// by a worker that makes the round anew.
async fn a_life_full_of_failures(seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    let scene = Scene::new();
    let mut slot = 0;
    for _ in 0..8 {
        scene.double.become_(match dice.random_range(0..4) {
            0 => Mood::Well,
            1 => Mood::Down,
            _ => Mood::Flaky(0.4),
        });
        let running = scene.start().await;
        running.put((0..MODELS).map(|it| Fact::Model(model(&it.to_string(), slot))));
        for _ in 0..dice.random_range(1..40) {
            for it in 0..MODELS {
                running.put([Fact::Prediction(prediction(slot, &it.to_string()))]);
            }
            running.put([performed(slot)]);
            slot += 1;
            if dice.random_bool(0.2) {
                tokio::time::sleep(Duration::from_millis(dice.random_range(0..8))).await;
            }
        }
        if dice.random_bool(0.5) {
            super::kit::until("on disk", || running.outbox.intake.is_empty()).await;
            running.kill().await;
        } else {
            running.stop().await;
        }
    }
    scene.double.become_(Mood::Well);
    let running = scene.start().await;
    running.waiting(0).await;
    running.stop().await;
    let held = scene.double.held();
    let all: Vec<_> = (0..slot).flat_map(|slot| [slot; 5]).collect();
    assert_eq!(slots(&held), all, "seed {seed}");
    assert!(held.orphans.is_empty(), "seed {seed}");
    for (_, end, there) in &held.ends {
        assert!(
            *there >= usize::try_from((end + 1) * MODELS).unwrap(),
            "seed {seed}"
        );
    }
    assert_eq!(
        held.performed.values().next(),
        Some(&(slot - 1)),
        "seed {seed}"
    );
}

#[tokio::test]
async fn all_is_there_in_order_and_once_after_a_life_full_of_failures() {
    for seed in 0..4 {
        a_life_full_of_failures(seed).await;
    }
}
