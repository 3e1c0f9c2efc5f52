use super::*;
use crate::predict::testing_market::model;

/// Who is told from which tick on, as `6: a b`.
fn told(parts: &[Part]) -> Vec<String> {
    let ids = |part: &Part| {
        let ids: Vec<_> = part.models.iter().map(|it| it.model_id.as_str()).collect();
        ids.join(" ")
    };
    parts
        .iter()
        .map(|part| format!("{}: {}", part.first, ids(part)))
        .collect()
}

/// A row of ticks a minute apart, and models that know all.
fn row(ticks: i64, models: &[Arc<ModelInfo>]) -> Heard {
    let mut heard = Heard::default();
    for tick in 0..ticks {
        heard.push(60 * tick);
    }
    for model in models {
        assert_eq!(heard.replay(model, true, None), Since::Ever);
        heard.replayed(model, true);
    }
    heard
}

#[test]
fn who_is_up_to_date_is_told_what_is_new_though_earlier_answers_are_open() {
    let models = [model("a", "a1"), model("b", "b1")];
    let mut heard = row(3, &models);
    for number in 4..7 {
        assert_eq!(heard.push(60 * 9), number);
        assert_eq!(told(&heard.plan(&models)), [format!("{number}: a b")]);
    }
}

#[test]
fn who_missed_ticks_is_told_them_by_powers_of_two() {
    let models = [model("a", "a1"), model("b", "b1"), model("c", "c1")];
    let mut heard = row(20, &models);
    for number in 21..25 {
        heard.push(60 * 20);
        heard.plan(&models[..1]);
        heard.took(&models[0], number, number);
    }
    heard.missed(&models[2], 21, false);
    heard.push(60 * 24);
    // b and c have missed four; with the new one that makes five, and eight are told.
    assert_eq!(told(&heard.plan(&models)), ["25: a", "18: b c"]);
    assert_eq!(heard.earliest(18), Some(60 * 17));
    heard.took(&models[1], 18, 25);
    heard.missed(&models[2], 18, false);
    heard.push(60 * 25);
    assert_eq!(told(&heard.plan(&models)), ["26: a b", "19: c"]);
}

#[test]
fn a_late_failure_is_made_good_with_the_next_tick() {
    let models = [model("a", "a1")];
    let mut heard = row(10, &models);
    for _ in 0..3 {
        heard.push(600);
        heard.plan(&models);
    }
    // It took 12 and 13; 11 failed after they were sent.
    heard.took(&models[0], 12, 12);
    heard.missed(&models[0], 11, false);
    heard.took(&models[0], 13, 13);
    heard.push(600);
    assert_eq!(told(&heard.plan(&models)), ["11: a"]);
}

#[test]
fn a_model_that_nothing_is_known_of_or_that_is_far_behind_is_told_all() {
    let models = [model("a", "a1"), model("b", "b1")];
    let mut heard = row(3, &models[..1]);
    heard.push(180);
    assert_eq!(told(&heard.plan(&models)), ["4: a", "1: b"]);
    let far = i64::try_from(KEPT).unwrap();
    for tick in 0..far {
        heard.push(60 * (tick + 4));
    }
    assert_eq!(heard.earliest(1), None);
    heard.missed(&models[1], 0, false);
    assert_eq!(told(&heard.plan(&models)), ["0: a b"]);
}

#[test]
fn large_calls_that_fail_are_not_repeated_each_time() {
    let models = [model("a", "a1")];
    let mut heard = row(3, &[]);
    let mut at = Vec::new();
    for _ in 0..40 {
        let number = heard.push(60);
        let first = heard.plan(&models)[0].first;
        if first < number {
            at.push(number);
            heard.missed(&models[0], first, true);
        } else {
            heard.took(&models[0], first, number);
        }
    }
    assert_eq!(at, [4, 6, 10, 18, 34]);
    // The first one that it takes ends that.
    heard.push(60);
    while heard.plan(&models)[0].first == heard.number {
        heard.push(60);
    }
    heard.took(&models[0], 0, heard.number);
    heard.push(60);
    assert_eq!(heard.plan(&models)[0].first, heard.number);
}

#[test]
fn a_replay_is_from_when_the_model_last_heard() {
    let (a, b) = (model("a", "a1"), model("b", "b1"));
    let mut heard = row(5, std::slice::from_ref(&a));
    // Known in this process.
    assert_eq!(heard.replay(&a, false, Some(7)), Since::Now);
    heard.push(300);
    heard.push(360);
    assert_eq!(heard.replay(&a, false, Some(7)), Since::At(300));
    // Until it is known that it went well, it stays so.
    assert_eq!(heard.replay(&a, false, Some(7)), Since::At(300));
    heard.replayed(&a, true);
    assert_eq!(heard.replay(&a, false, Some(7)), Since::Now);
    // A new instance knows nothing.
    assert_eq!(heard.replay(&a, true, Some(7)), Since::Ever);
    // One of an earlier process.
    assert_eq!(heard.replay(&b, false, Some(7)), Since::At(7));
    assert_eq!(
        heard.replay(&b, false, Some(400)),
        Since::At(7),
        "tried again"
    );
    assert_eq!(heard.replay(&model("c", "c1"), false, None), Since::Ever);
    // Another deployment is another model.
    assert_eq!(heard.replay(&model("b", "b2"), false, None), Since::Ever);
}

#[test]
fn a_tick_between_a_replay_and_the_joining_comes_with_the_next() {
    let a = model("a", "a1");
    let mut heard = row(5, &[]);
    heard.replay(&a, true, None);
    heard.push(300);
    assert!(heard.plan(&[]).is_empty(), "it has not joined");
    heard.push(360);
    assert_eq!(told(&heard.plan(&[a])), ["6: a"]);
}

#[test]
fn a_model_whose_replay_failed_is_told_all_with_the_next_tick() {
    let a = model("a", "a1");
    let mut heard = row(5, &[]);
    heard.replay(&a, true, None);
    heard.replayed(&a, false);
    heard.push(300);
    assert_eq!(told(&heard.plan(&[a])), ["0: a"]);
}

#[test]
fn a_replay_that_goes_well_in_the_end_is_not_told_again() {
    let a = [model("a", "a1")];
    let mut heard = row(5, &[]);
    heard.replay(&a[0], true, None);
    heard.replay(&a[0], true, None);
    // Both are heard of late.
    heard.replayed(&a[0], false);
    heard.replayed(&a[0], true);
    heard.push(300);
    assert_eq!(told(&heard.plan(&a)), ["6: a"]);
}

#[test]
fn when_news_were_missed_who_was_at_a_replay_is_told_all() {
    let models = [model("a", "a1"), model("b", "b1")];
    let mut heard = row(5, &models[..1]);
    heard.replay(&models[1], true, None);
    heard.missed_news();
    heard.push(300);
    assert_eq!(told(&heard.plan(&models)), ["6: a", "0: b"]);
    heard.took(&models[1], 0, 6);
    heard.missed_news();
    heard.push(360);
    assert_eq!(told(&heard.plan(&models)), ["7: a b"]);
}

#[test]
fn a_replay_tells_what_is_under_way_as_that_may_fail() {
    let a = [model("a", "a1")];
    let mut heard = row(5, &a);
    heard.push(300);
    heard.plan(&a);
    // The instance is an old one at a new run; the tick fails at the old run.
    assert_eq!(heard.replay(&a[0], false, None), Since::At(300));
    heard.missed(&a[0], 6, false);
    heard.replayed(&a[0], true);
    assert_eq!(heard.replay(&a[0], false, None), Since::Now);
}

#[test]
fn answers_in_another_order_are_all_counted() {
    let a = [model("a", "a1")];
    let mut heard = row(5, &a);
    for _ in 6..=150 {
        heard.push(300);
        heard.plan(&a);
    }
    for number in [7, 10, 9, 6] {
        heard.took(&a[0], number, number);
    }
    let place = |heard: &Heard| heard.models[&key(&a[0])];
    assert_eq!((place(&heard).surely, place(&heard).beyond), (7, 0b110));
    heard.took(&a[0], 12, 140);
    heard.took(&a[0], 8, 8);
    assert_eq!(place(&heard).surely, 10, "11 is missing");
    heard.took(&a[0], 11, 11);
    // As far ahead as is remembered.
    assert_eq!((place(&heard).surely, place(&heard).beyond), (71, 0));
    heard.took(&a[0], 20, 150);
    assert_eq!(heard.replay(&a[0], false, None), Since::Now);
}

#[test]
fn models_that_left_are_forgotten() {
    let models: Vec<_> = (0..50).map(|it| model(&it.to_string(), "1")).collect();
    let mut heard = row(1, &models);
    for _ in 0..=FORGOTTEN {
        heard.push(60);
        heard.plan(&models[..3]);
    }
    assert_eq!(heard.models.len(), 3);
}
