//! For `crate::fuzz`: the network's inferences of both versions.

pub(in crate::chain) mod read_network {
    use prost::Message as _;

    use crate::chain::{
        emissions::network::{of_v9, of_v10},
        proto::emissions as pb,
    };

    /// An answer of each version.
    pub(in crate::chain) fn seeds() -> Vec<Vec<u8>> {
        let labelled = |value: &str| pb::LabeledValue {
            label_name: "y".into(),
            value: value.into(),
            ..Default::default()
        };
        let new = pb::GetLatestNetworkInferencesResponse {
            network_inferences: Some(pb::NetworkInferences {
                nonce: 148,
                combined_value: vec![labelled("0.0125")],
                inferer_values: vec![pb::WorkerInference {
                    worker: "allo1x".into(),
                    values: vec![labelled("-1.2E-7")],
                }],
                ..Default::default()
            }),
            ..Default::default()
        };
        let old = pb::LatestValueBundleResponse {
            network_inferences: Some(pb::ValueBundle {
                combined_value: "0.5".into(),
                reputer_request_nonce: Some(pb::ReputerRequestNonce {
                    reputer_nonce: Some(pb::Nonce { block_height: 148 }),
                }),
                inferer_values: vec![pb::WorkerValue {
                    worker: "allo1x".into(),
                    value: "0.25".into(),
                }],
                ..Default::default()
            }),
            ..Default::default()
        };
        vec![new.encode_to_vec(), old.encode_to_vec()]
    }

    pub(in crate::chain) fn read(bytes: &[u8]) -> String {
        let new = pb::GetLatestNetworkInferencesResponse::decode(bytes).map(of_v10);
        let old = pb::LatestValueBundleResponse::decode(bytes).map(of_v9);
        let finite = |found: &Option<crate::chain::NetworkInference>| {
            let all = found
                .iter()
                .flat_map(|it| it.inferers.iter().map(|(_, value)| *value));
            all.chain(found.iter().filter_map(|it| it.combined))
                .all(f64::is_finite)
        };
        for found in [&new, &old].into_iter().flatten() {
            assert!(finite(found), "{found:?}");
        }
        let kind = |read: &Result<Option<_>, _>| match read {
            Ok(found) => found.is_some().to_string(),
            Err(error) => prost::DecodeError::to_string(error),
        };
        format!("{} {}", kind(&new), kind(&old))
    }
}
