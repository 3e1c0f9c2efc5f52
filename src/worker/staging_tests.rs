use super::*;

fn window(topic: u64, nonce: i64) -> OpenWindow {
    let key = WindowKey {
        topic: TopicId(topic),
        nonce: Nonce(nonce),
    };
    OpenWindow {
        key,
        end: Height(nonce + 10),
    }
}

fn stage(windows: &[OpenWindow]) -> Stage {
    let mut stage = Stage::default();
    for &window in windows {
        stage.foretell(window.key.topic, Some(window));
    }
    stage
}

fn near(stage: &mut Stage, height: i64) -> Vec<OpenWindow> {
    stage.near(Height(height)).map(|it| it.window).collect()
}

#[test]
fn a_window_is_prepared_for_a_few_blocks_ahead_and_until_its_block_has_passed() {
    let mut stage = stage(&[window(67, 100)]);
    for (height, is_near) in [(96, false), (97, true), (100, true), (101, false)] {
        assert_eq!(stage.is_near(Height(height)), is_near, "{height}");
        assert_eq!(near(&mut stage, height).len(), usize::from(is_near));
    }
    assert!(!stage.is_due(Height(99)));
    assert!(stage.is_due(Height(100)));
}

#[test]
fn an_opening_that_did_not_come_is_expected_of_the_next_block_a_few_times() {
    let mut stage = stage(&[window(1, 100), window(2, 105)]);
    for height in 100..103 {
        stage.drift(Height(height));
        let mut expected = window(1, height + 1);
        expected.end = Height(height + 11);
        assert_eq!(near(&mut stage, height)[0], expected);
    }
    stage.drift(Height(103));
    assert_eq!(near(&mut stage, 103), [window(2, 105)]);
}

#[test]
fn the_chains_word_does_not_undo_a_drift_and_corrects_everything_else() {
    let mut stage = stage(&[window(1, 100)]);
    stage.drift(Height(100));
    stage.foretell(TopicId(1), Some(window(1, 100)));
    assert_eq!(near(&mut stage, 100), [window(1, 101)]);
    stage.foretell(TopicId(1), Some(window(1, 103)));
    assert_eq!(near(&mut stage, 100), [window(1, 103)]);
    stage.foretell(TopicId(1), None);
    assert!(near(&mut stage, 100).is_empty());
}

#[test]
fn an_opening_ends_the_expectation() {
    let mut stage = stage(&[window(1, 100)]);
    assert!(stage.opened(TopicId(1)).is_some());
    assert!(stage.opened(TopicId(1)).is_none());
    assert!(!stage.is_due(Height(100)));
}
