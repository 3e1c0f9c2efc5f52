use super::*;
use crate::{
    learning::{
        Comparison, Verdict,
        testing::{Scene, TOPIC, WALLET, at, key, view},
    },
    store::OutcomeRepository,
    types::Height,
};

/// A scene in which these nonces were answered a moment ago with 0.1 and noted, and their windows are
/// closed.
async fn scene(nonces: &[i64], clock: OpenedBy) -> Scene {
    let scene = Scene::new().await;
    scene.hour(0);
    let noted = nonces.iter().map(|nonce| Noted {
        key: WindowKey {
            topic: TOPIC,
            nonce: Nonce(*nonce),
        },
        window_end: Height(nonce + 8),
        value: 0.1,
        source: None,
        opened: at(0),
        clock,
        is_asked: false,
    });
    let noted: Vec<_> = noted.collect();
    scene.store.note(&WALLET, &noted).await.unwrap();
    scene.chain.with(|it| {
        it.head = 1_000;
        for nonce in nonces {
            it.views
                .insert(*nonce, view(*nonce, 0.1, &[0.2, 0.3, 0.4, 0.2, 0.4]));
        }
    });
    scene
}

async fn all(onlooker: &mut Onlooker) {
    while onlooker.step().await.unwrap() {}
}

fn compared(scene: &mut Scene) -> Vec<(i64, Comparison)> {
    let told = scene.told().into_iter().filter_map(|it| match it {
        News::Compared { key, comparison } => Some((key.nonce.0, comparison)),
        _ => None,
    });
    told.collect()
}

fn asked(scene: &Scene) -> Vec<String> {
    scene.chain.with(|it| std::mem::take(&mut it.asked))
}

#[tokio::test]
async fn each_is_compared_and_kept_with_two_questions_the_newest_first() {
    let mut scene = scene(&[24, 36], OpenedBy::Header).await;
    let mut onlooker = Onlooker::new(scene.common.clone());
    all(&mut onlooker).await;
    assert_eq!(asked(&scene), ["latest", "of 36", "of 24", "at 24"]);
    let told = compared(&mut scene);
    assert_eq!((told.len(), told[1].0), (2, 24));
    let (nonce, comparison) = told[0];
    // The others: mean 0.3, squares 0.04, deviation 0.1.
    assert_eq!((nonce, comparison.count), (36, 5));
    assert!(comparison.z.is_some_and(|z| (z + 2.0).abs() < 1e-9));
    assert_eq!(comparison.combined, Some(0.2));
    assert_eq!(comparison.verdict, Verdict::Usual);

    // Without ours, and asked about once.
    let found = scene.store.unasked(&WALLET, &[TOPIC], 10).await.unwrap();
    assert_eq!(found, []);
    all(&mut onlooker).await;
    assert!(asked(&scene).is_empty());
}

#[tokio::test]
async fn an_open_window_is_not_asked_about() {
    let scene = scene(&[24, 36], OpenedBy::Header).await;
    scene.chain.with(|it| it.head = 44);
    let mut onlooker = Onlooker::new(scene.common.clone());
    all(&mut onlooker).await;
    assert!(!asked(&scene).contains(&"of 36".to_owned()));
    scene.chain.with(|it| it.head = 45);
    all(&mut onlooker).await;
    assert_eq!(asked(&scene), ["latest", "of 36"]);
}

#[tokio::test]
async fn what_only_the_journal_dated_is_dated_by_its_block() {
    let scene = scene(&[24], OpenedBy::Journal).await;
    scene.chain.with(|it| it.times.insert(24, at(-1)));
    let mut onlooker = Onlooker::new(scene.common.clone());
    all(&mut onlooker).await;
    let found = scene.store.unresolved(&WALLET, TOPIC, at(1), Nonce(0), 9);
    let found = found.await.unwrap();
    assert_eq!((found[0].opened, found[0].clock), (at(-1), OpenedBy::Block));
}

#[tokio::test]
async fn a_nonce_that_the_chain_has_forgotten_is_not_asked_about_again() {
    let mut scene = scene(&[24], OpenedBy::Header).await;
    scene.chain.with(|it| it.views.clear());
    let mut onlooker = Onlooker::new(scene.common.clone());
    all(&mut onlooker).await;
    assert_eq!(asked(&scene), ["latest", "of 24", "at 24"]);
    assert!(compared(&mut scene).is_empty());
    let found = scene.store.unasked(&WALLET, &[TOPIC], 10).await.unwrap();
    assert_eq!(found, []);
}

#[tokio::test]
async fn a_window_of_days_ago_is_kept_and_not_compared() {
    let mut scene = scene(&[24], OpenedBy::Header).await;
    scene.hour(48);
    let mut onlooker = Onlooker::new(scene.common.clone());
    all(&mut onlooker).await;
    assert_eq!(asked(&scene), ["of 24", "at 24"]);
    assert!(compared(&mut scene).is_empty());
}

#[tokio::test]
async fn a_chain_that_can_not_be_asked_is_told_once_and_asked_again_later() {
    let mut scene = scene(&[24], OpenedBy::Header).await;
    scene.chain.with(|it| it.is_silent = true);
    let mut onlooker = Onlooker::new(scene.common.clone());
    for _ in 0..2 {
        assert_eq!(onlooker.round().await, LONG);
    }
    assert_eq!(asked(&scene), ["latest"; 2]);
    let told = scene.told();
    assert!(
        matches!(&told[..], [News::Hindered { cause, .. }] if cause.contains("no node answered"))
    );
    scene.chain.with(|it| it.is_silent = false);
    assert_eq!(onlooker.round().await, Duration::ZERO);
    assert_eq!(onlooker.round().await, EVERY);
    assert_eq!(compared(&mut scene).len(), 1);
}

#[tokio::test]
async fn one_that_fails_again_and_again_does_not_stand_before_the_others() {
    let scene = scene(&[24], OpenedBy::Header).await;
    scene.chain.with(|it| it.is_silent = true);
    let mut onlooker = Onlooker::new(scene.common.clone());
    for _ in 0..MOST_FAILURES {
        assert!(onlooker.step().await.is_err());
    }
    assert!(!onlooker.step().await.unwrap());
}

#[tokio::test]
async fn what_failed_is_forgotten_once_it_is_out_of_reach() {
    let mut scene = scene(&[24], OpenedBy::Header).await;
    scene.common.config.catch_up = 3;
    scene.chain.with(|it| it.is_silent = true);
    let mut onlooker = Onlooker::new(scene.common.clone());
    for nonce in 1..20 {
        let later = Noted {
            key: key(100 * nonce),
            window_end: Height(100 * nonce + 8),
            value: 0.1,
            source: None,
            opened: at(0),
            clock: OpenedBy::Header,
            is_asked: false,
        };
        scene.store.note(&WALLET, &[later]).await.unwrap();
        scene.chain.with(|it| it.head = 100 * nonce + 10);
        for _ in 0..MOST_FAILURES {
            assert!(onlooker.step().await.is_err());
        }
    }
    assert_eq!(onlooker.given_up.len(), 3);
    assert!(onlooker.failures.is_empty());
}
