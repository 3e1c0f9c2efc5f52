use super::*;

fn item(model: &str, deployment: u32, state: &str, port: u16) -> Item {
    let text = format!(
        r#"{{"model_id": "{model}", "deployment_id": "{model}{deployment}", "state": "{state}",
            "ip": "localhost", "port": {port}}}"#
    );
    Item::read(&text).unwrap()
}

fn running(model: &str) -> Item {
    item(model, 1, "RUNNING", 1)
}

fn ours(models: &[&str]) -> Arc<HashSet<String>> {
    Arc::new(models.iter().map(|&it| it.to_owned()).collect())
}

fn ids(items: &[Item]) -> Vec<&str> {
    items.iter().map(|it| &*it.info.deployment_id).collect()
}

#[test]
fn without_a_bound_all_models_are_ours() {
    let mut circle = Circle::default();
    let all = vec![running("a"), running("b")];
    assert_eq!(circle.list(all.clone()), all);
    assert_eq!(&*circle.listed(), ["a", "b"]);
    assert_eq!(circle.confine(None), (vec![], vec![]));
}

#[test]
fn others_models_are_kept_in_mind_and_passed_over() {
    let mut circle = Circle::default();
    circle.confine(Some(ours(&["b"])));
    let items = circle.list(vec![running("a"), running("b")]);
    assert_eq!(ids(&items), ["b1"]);
    let items = circle.update(vec![running("c"), item("b", 2, "RUNNING", 2)]);
    assert_eq!(ids(&items), ["b2"]);
    assert_eq!(&*circle.listed(), ["a", "b", "c"]);

    let (gone, come) = circle.confine(Some(ours(&["a", "c"])));
    assert_eq!((gone, ids(&come)), (vec!["b".into()], vec!["a1", "c1"]));
    let (gone, come) = circle.confine(None);
    assert_eq!((gone, ids(&come)), (vec![], vec!["b1", "b2"]), "each run");
}

#[test]
fn what_was_stopped_meanwhile_does_not_come_back() {
    let mut circle = Circle::default();
    circle.confine(Some(ours(&[])));
    circle.list(vec![running("a"), running("b"), item("b", 2, "RUNNING", 2)]);
    circle.update(vec![
        item("a", 1, "STOPPED", 0),
        item("b", 1, "RECOVERING", 1),
    ]);
    assert_eq!(&*circle.listed(), ["b"]);
    let (_, come) = circle.confine(None);
    assert_eq!(ids(&come), ["b2"]);
    assert!(circle.list(vec![]).is_empty() && circle.listed().is_empty());
}

#[test]
fn a_run_is_where_it_was_told_of_last() {
    let mut circle = Circle::default();
    circle.confine(Some(ours(&[])));
    circle.list(vec![running("a")]);
    circle.update(vec![item("a", 1, "RUNNING", 7)]);
    circle.update(vec![item("a", 1, "RUNNING", 0)]);
    let (_, come) = circle.confine(None);
    assert_eq!(ids(&come), ["a1"]);
    assert_eq!(come[0].address.as_ref().map(|it| it.port), Some(7));
}
