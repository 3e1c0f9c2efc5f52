//! For `crate::fuzz`: configuration files, `.env`, and the wallet's words.

use std::{fs, path::Path};

use toml::Table;

use super::{document::Document, environment::Environment, layer::Layer, secrets};
use crate::{
    chain::NetworkConfig,
    clock::FastClock,
    fuzz::{Form, Target, told},
    models::MethodConfig,
    store::Interval,
};

pub(crate) fn targets() -> Vec<Target> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = |path: &str| fs::read_to_string(home.join(path)).expect("a file of ours");
    let networks = ["devnet", "testnet"].map(|name| own(&format!("config/networks/{name}.toml")));
    // A variable for each thing of which there are several.
    let dotenv = [own(".env.example"), ENV.to_owned()];
    vec![
        Target::of_text("config-files", Form::Text, &[SMALL, TOPICS], read_file),
        Target::new("config-networks", Form::Text, networks, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            told(&Layer::file::<NetworkConfig>("a.toml", &text))
        }),
        Target::new("config-dotenv", Form::Text, dotenv, |bytes| {
            let items: Result<Vec<_>, _> = dotenvy::from_read_iter(bytes).collect();
            let Ok(items) = items else {
                return "no list of variables".into();
            };
            let layer = Environment::new(".env", items).layer(&Table::new());
            let read = layer.map(|layer| layer.table.try_into::<Document>().is_ok());
            match read {
                Ok(fits) => format!("{fits}"),
                Err(refused) => refused.to_string(),
            }
        }),
        Target::of_text("config-wallets", Form::Text, &[WORDS, KEY], |text| {
            let (words, key) = (
                secrets::mnemonic(text, "place"),
                secrets::private_key(text, "place"),
            );
            let refused = [words.as_ref().err(), key.as_ref().err()];
            for refused in refused.into_iter().flatten() {
                let told = refused.to_string();
                let mut given = text.split_whitespace().filter(|it| it.len() > 40);
                assert!(!given.any(|it| told.contains(it)), "{told}");
                assert!(!told.contains("zoo") && !told.contains("abandon"), "{told}");
            }
            format!("{} {}", told(&words.map(|_| ())), key.is_ok())
        }),
        Target::of_text(
            "config-words",
            Form::Text,
            &["1735689600000@3000", "5m", "name STRING"],
            |text| {
                let clock = text.parse::<FastClock>();
                if let Ok(clock) = &clock {
                    assert_eq!(
                        clock
                            .to_string()
                            .parse::<FastClock>()
                            .map(|it| it.to_string()),
                        Ok(clock.to_string())
                    );
                }
                let method =
                    toml::from_str::<MethodConfig>(&format!("name = 'a'\narguments = ['{text}']"));
                format!(
                    "{} {} {}",
                    told(&clock),
                    text.parse::<Interval>().is_ok(),
                    told(&method)
                )
            },
        ),
    ]
}

const SMALL: &str = "network = \"devnet\"\ndata_dir = \"data\"\n[worker]\npoll_interval = \"5s\"\n[fees]\ntier = \"standard\"\nmax_fee = \"0.5 allo\"\n[market]\nhistory = \"30days\"\n";
const TOPICS: &str = "[[topics]]\nid = 1\nticker = \"btcusd\"\nhorizon = \"1h\"\ntarget = \"price\"\n[predict]\nschedules = [{ asset = \"BTC\", horizon = \"3h\", step = \"1h\", interval = \"1h\" }]\n";
const ENV: &str = "ALLORA_NETWORK=testnet\nALLORA_WORKER__POLL_INTERVAL=\"5s\"\nALLORA_RPC=http://a, http://b\nMNEMONIC='abandon abandon'\nTIINGO_API_KEY=0123\nOTHER=${HOME}/x\n";
const WORDS: &str = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong";
const KEY: &str = "0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";

fn read_file(text: &str) -> String {
    let read = Layer::file::<Document>("a.toml", text);
    if let Ok((layer, _)) = &read {
        for path in [
            &["worker", "poll_interval"][..],
            &["topics", "0", "id"],
            &["network"],
        ] {
            let line = layer.place(path).map(|place| place.len());
            assert!(line.is_none_or(|length| length < 30));
        }
    }
    told(&read)
}
