//! A network of which only some models are called from here.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::watch;

use super::scene::{WAIT, config, name, orchestrator, predict, takes, tick, until};
use crate::models::{
    Left, ModelNetwork, NetworkEvent, NoReplay, Ours, Subset,
    stub::{StubItem, StubModel, StubOrchestrator},
};

struct Site {
    orchestrator: StubOrchestrator,
    models: Vec<StubModel>,
    network: ModelNetwork,
    ours: watch::Sender<Ours>,
}

fn set(models: &[&str]) -> Arc<HashSet<String>> {
    Arc::new(models.iter().map(|&it| it.to_owned()).collect())
}

impl Site {
    /// Models named a, b, c…, of which some are ours.
    async fn of(count: usize, ours: &[&str]) -> Self {
        let orchestrator = orchestrator().await;
        let mut models = Vec::new();
        for place in 0..count {
            let model = StubModel::start().await.unwrap();
            let deployment = format!("{}1", name(place));
            orchestrator.list([StubItem::new(&name(place), &deployment, model.address())]);
            models.push(model);
        }
        let ours = watch::Sender::new(Some(set(ours)));
        let start = ModelNetwork::start_confined;
        let network = start(config(&orchestrator), Arc::new(NoReplay), ours.subscribe()).unwrap();
        assert!(network.settled(WAIT).await.is_listed);
        Self {
            orchestrator,
            models,
            network,
            ours,
        }
    }

    fn serving(&self) -> Vec<String> {
        let models = self.network.models();
        let mut ids: Vec<_> = models.iter().map(|it| it.deployment_id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    async fn until_serving(&self, expected: &[&str]) {
        until(|| self.serving() == expected).await;
    }
}

#[tokio::test]
async fn only_our_models_are_connected_and_all_are_listed() {
    let site = Site::of(3, &["b"]).await;
    assert_eq!(site.serving(), ["b1"]);
    assert_eq!(*site.network.list_reader()().unwrap(), ["a", "b", "c"]);
    let outcomes = site.network.call(&tick(), &Subset::All).all().await;
    assert_eq!(outcomes.len(), 1);
    let set_up: Vec<_> = site.models.iter().map(StubModel::setups).collect();
    assert_eq!(set_up, [0, 1, 0]);
}

#[tokio::test]
async fn models_come_and_go_and_a_call_under_way_may_finish() {
    let site = Site::of(3, &["a", "b"]).await;
    let mut events = site.network.events();
    site.models[0].behave(takes(500));
    let first = Subset::Only(vec!["a".into()]);
    let calling = site.network.call(&predict(), &first);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    site.ours.send_replace(Some(set(&["b", "c"])));
    site.until_serving(&["b1", "c1"]).await;
    let outcomes = calling.all().await;
    assert!(
        outcomes[0].payload().is_some(),
        "{:?}",
        outcomes[0].detail()
    );
    let left = std::iter::from_fn(|| events.try_recv().ok()).find_map(|event| match event {
        NetworkEvent::Left { model, why } => Some((model.model_id.clone(), why)),
        _ => None,
    });
    assert_eq!(left, Some(("a".into(), Left::HandedOver)));
    site.ours.send_replace(Some(set(&["a"])));
    site.until_serving(&["a1"]).await;
    site.ours.send_replace(None);
    site.until_serving(&["a1", "b1", "c1"]).await;
    assert_eq!(site.orchestrator.reports().len(), 0, "nobody is to blame");
}

#[tokio::test]
async fn a_redeploy_of_anothers_model_is_known_when_it_becomes_ours() {
    let site = Site::of(2, &["a"]).await;
    let newer = StubModel::start().await.unwrap();
    let third = StubModel::start().await.unwrap();
    for item in [
        StubItem::new("b", "b2", newer.address()).json("RUNNING"),
        StubItem::new("b", "b1", site.models[1].address()).json("STOPPED"),
        StubItem::new("d", "d1", third.address()).json("RUNNING"),
    ] {
        site.orchestrator.update(&item);
    }
    until(|| site.network.list_reader()().is_some_and(|it| it.len() == 3)).await;
    assert_eq!(site.serving(), ["a1"]);
    site.ours.send_replace(Some(set(&["a", "b"])));
    site.until_serving(&["a1", "b2"]).await;
}
