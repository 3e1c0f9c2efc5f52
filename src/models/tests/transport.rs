//! Mutual TLS with the wallet's proof, and gateways: servers that enforce them.

use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

use http::HeaderMap;
use rstest::rstest;

use super::{
    authority::{Authority, CLIENT, OTHER, SERVER, Wallet, keep},
    scene::{WAIT, predict, shorts, until},
    site::{HOTKEY, NAME, Site, registered},
};
use crate::models::{
    Call, ModelNetwork, ModelsConfig, NetworkEvent, NoReplay, Subset,
    stub::{StubItem, StubModel, StubOptions},
};

async fn outcomes(config: ModelsConfig) -> Vec<String> {
    let (network, settled) = ModelNetwork::init(config, Arc::new(NoReplay), WAIT)
        .await
        .unwrap();
    assert_eq!(settled.serving, 1);
    let calls = [predict(), Call::new("tick", &[]).unwrap(), predict()];
    let mut seen = Vec::new();
    for call in &calls {
        seen.extend(shorts(&network.call(call, &Subset::All).all().await));
    }
    network.close().await;
    seen
}

/// Why the model does not join.
async fn refusal(config: ModelsConfig) -> String {
    let network = ModelNetwork::start(config, Arc::new(NoReplay)).unwrap();
    let mut events = network.events();
    let found = async {
        loop {
            match events.recv().await.unwrap() {
                NetworkEvent::Unreachable { cause, .. } => return cause,
                NetworkEvent::Unauthenticated { cause, .. } => {
                    return format!("unauthenticated: {cause}");
                }
                NetworkEvent::Joined(_) => panic!("it joined"),
                _ => {}
            }
        }
    };
    tokio::time::timeout(WAIT, found).await.unwrap()
}

#[tokio::test]
async fn a_server_that_proves_who_it_is_is_called() {
    let site = Site::secure(|_, _| ()).await;
    assert_eq!(outcomes(site.secure_config()).await, ["SUCCESS"; 3]);
}

#[rstest]
#[case::no_proof(HeaderMap::new(), "bears no x-server-auth-message")]
#[case::another_wallet(Wallet::new(2).vouch(SERVER, "a", HOTKEY), "another wallet")]
#[case::another_key(Wallet::new(1).vouch(OTHER, "a", HOTKEY), "another key")]
#[case::another_model(Wallet::new(1).vouch(SERVER, "b", HOTKEY), "the model \"b\"")]
#[case::another_hotkey(Wallet::new(1).vouch(SERVER, "a", "x"), "another hotkey")]
#[tokio::test]
async fn a_server_without_the_right_proof_is_not_called(
    #[case] headers: HeaderMap,
    #[case] words: &str,
) {
    let site = Site::secure(|_, options| options.headers = headers).await;
    let said = refusal(site.secure_config()).await;
    assert!(said.contains(words), "{said}");
    assert!(site.model.calls().is_empty());
}

#[tokio::test]
async fn a_server_with_another_certificate_is_not_called() {
    let stranger = Authority::new();
    let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let cases = [
        (
            stranger.serve(NAME, SERVER, None),
            "no TLS with model-node-a",
        ),
        (
            stranger.serve("model-node-b.crunchdao.internal", SERVER, None),
            "no TLS with model-node-a",
        ),
    ];
    for (tls, words) in cases {
        let site = Site::secure(|_, options| options.tls = Some(tls)).await;
        let said = refusal(site.secure_config()).await;
        assert!(said.contains(words), "{said}");
    }
    let other_name = |authority: &Authority, options: &mut StubOptions| {
        options.tls =
            Some(authority.serve("model-node-b.crunchdao.internal", SERVER, Some(authority)));
    };
    let said = refusal(Site::secure(other_name).await.secure_config()).await;
    assert!(said.contains("not valid for name"), "{said}");
    let no_rsa = |authority: &Authority, options: &mut StubOptions| {
        options.tls = Some(authority.serve(NAME, &elliptic, Some(authority)));
    };
    let said = refusal(Site::secure(no_rsa).await.secure_config()).await;
    assert!(said.contains("RSA"), "{said}");
}

#[tokio::test]
async fn a_coordinator_that_is_not_registered_blames_itself() {
    let site = Site::secure(|_, options| options.guard = Some(registered(OTHER))).await;
    let said = refusal(site.secure_config()).await;
    assert!(
        said.contains("unauthenticated") && said.contains("certHash"),
        "{said}"
    );
    assert_eq!(site.orchestrator.reports().len(), 0);
}

#[tokio::test]
async fn a_coordinator_with_a_foreign_certificate_is_told() {
    let site = Site::secure(|_, _| ()).await;
    let foreign = Authority::new().certify("coordinator", CLIENT);
    std::fs::write(site.folder.path().join("tls.crt"), &foreign.certificate).unwrap();
    let said = refusal(site.secure_config()).await;
    assert!(
        said.contains("unauthenticated") && said.contains("alert"),
        "{said}"
    );
}

#[tokio::test]
async fn an_impostor_is_reported_while_others_are_called() {
    let site = Site::secure(|_, _| ()).await;
    let authority = &site.authority;
    let options = StubOptions {
        tls: Some(authority.serve("model-node-b.crunchdao.internal", OTHER, Some(authority))),
        headers: Wallet::new(9).vouch(OTHER, "b", HOTKEY),
        ..StubOptions::default()
    };
    let impostor = StubModel::with(options, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let mut item = StubItem::new("b", "b1", impostor.address());
    item.wallet = Some(Wallet::new(2).base58());
    item.hotkey = Some(HOTKEY.into());
    site.orchestrator.list([item]);
    assert_eq!(outcomes(site.secure_config()).await, ["SUCCESS"; 3]);
    let _network = ModelNetwork::start(site.secure_config(), Arc::new(NoReplay)).unwrap();
    until(|| !site.orchestrator.reports().is_empty()).await;
    let report = &site.orchestrator.reports()[0];
    assert_eq!(
        (&report["model_id"], &report["failure_code"]),
        (&"b".into(), &"CONNECTION_FAILED".into())
    );
}

#[tokio::test]
async fn a_gateway_passes_on_what_is_signed() {
    let site = Site::gateway("127.0.0.1", CLIENT).await;
    assert_eq!(outcomes(site.gateway_config()).await, ["SUCCESS"; 3]);
}

#[tokio::test]
async fn a_gateway_that_does_not_take_our_key_is_our_matter() {
    let site = Site::gateway("127.0.0.1", OTHER).await;
    let said = refusal(site.gateway_config()).await;
    assert!(
        said.contains("unauthenticated") && said.contains("not registered"),
        "{said}"
    );
    assert_eq!(site.orchestrator.reports().len(), 0);
}

#[tokio::test]
async fn a_gateway_that_no_authority_vouches_for_is_not_called() {
    let site = Site::gateway("127.0.0.1", CLIENT).await;
    std::fs::remove_file(site.folder.path().join("ca.crt")).unwrap();
    let said = refusal(site.gateway_config()).await;
    assert!(said.contains("UnknownIssuer"), "{said}");
    let site = Site::gateway("gateway.example", CLIENT).await;
    let said = refusal(site.gateway_config()).await;
    assert!(said.contains("not valid for name"), "{said}");
}

#[tokio::test]
async fn plaintext_to_a_server_with_tls_is_refused() {
    let site = Site::secure(|_, _| ()).await;
    let said = refusal(site.config()).await;
    assert!(
        said.contains("TLS") || said.contains("lost") || said.contains("connection"),
        "{said}"
    );
}

#[tokio::test]
async fn credentials_that_can_not_be_used_are_named_and_not_shown() {
    let site = Site::secure(|_, _| ()).await;
    let key = site.folder.path().join("tls.key");
    let said = |config: ModelsConfig| {
        let network = ModelNetwork::start(config, Arc::new(NoReplay));
        network.err().expect("it is refused").to_string()
    };
    std::fs::write(&key, OTHER).unwrap();
    let mismatch = said(site.secure_config());
    assert!(
        mismatch.contains("tls.key") && mismatch.contains("belong together"),
        "{mismatch}"
    );
    std::fs::write(&key, "secret, but no PEM").unwrap();
    for config in [site.secure_config(), site.gateway_config()] {
        let unreadable = said(config);
        assert!(
            unreadable.contains("tls.key") && !unreadable.contains("secret,"),
            "{unreadable}"
        );
    }
    let others = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(&key, others).unwrap();
    for config in [site.secure_config(), site.gateway_config()] {
        let open = said(config);
        assert!(
            open.contains("chmod 600") && !open.contains("secret,"),
            "{open}"
        );
    }
    keep(&key, "");
    let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(&key, elliptic).unwrap();
    let no_rsa = said(site.gateway_config());
    assert!(no_rsa.contains("RSA key of at least 2048 bits"), "{no_rsa}");
    std::fs::write(site.folder.path().join("ca.crt"), "").unwrap();
    assert!(said(site.secure_config()).contains("ca.crt"));
    std::fs::remove_file(key).unwrap();
    std::fs::remove_file(site.folder.path().join("ca.crt")).unwrap();
    assert!(said(site.gateway_config()).contains("tls.key"));
}
