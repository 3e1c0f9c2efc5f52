//! What would be right instead of what is wrong.

/// Splits a deserialiser's message into what is wrong and what would be right.
pub(super) fn explain(message: &str) -> (String, String) {
    let message = without_long_texts(message.trim()).replace('\n', ", ");
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (key, known) = rest.split_once(", ").unwrap_or((rest, ""));
        return (format!("unknown key {key}"), right_key(key, known));
    }
    let durations = "write a number and its unit, such as \"30s\", \"5m\" or \"7d\"";
    let right = if message.contains("expected a duration") {
        durations
    } else {
        ""
    };
    (message, right.to_owned())
}

/// The deserialiser quotes the value that it can't use. A long one may be a phrase, or a node's URL with a
/// key in it.
fn without_long_texts(message: &str) -> String {
    const LONGEST: usize = 15;
    const QUOTED: &str = "string \"";
    let quoted = message.find(QUOTED).and_then(|start| {
        let end = message.rfind("\", expected")?;
        (end > start + QUOTED.len() + LONGEST).then_some((start, end + 1))
    });
    match quoted {
        Some((start, end)) => {
            let (before, after) = (message.get(..start), message.get(end..));
            format!("{}a text{}", before.unwrap_or(""), after.unwrap_or(""))
        }
        None => message.to_owned(),
    }
}

fn right_key(key: &str, known: &str) -> String {
    let key = key.trim_matches('`').to_lowercase();
    let secrets = [
        "mnemonic",
        "mnemonic_file",
        "private_key",
        "private_key_file",
        "tiingo_api_key",
    ];
    if secrets.contains(&key.as_str()) {
        return "secrets belong in .env or the environment, see .env.example".into();
    }
    let names: Vec<_> = known.split('`').skip(1).step_by(2).collect();
    match nearest(&key, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if names.is_empty() => "remove it".into(),
        None => format!("known are {}", names.join(", ")),
    }
}

/// The name that was probably meant: at most a third of its letters differ.
pub(super) fn nearest<'a>(
    written: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let distance = |name: &str| strsim::damerau_levenshtein(written, name);
    let nearest = names.into_iter().min_by_key(|name| distance(name))?;
    (distance(nearest) <= nearest.len().div_ceil(3)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        assert_eq!(nearest("netwrok", ["network", "rpc"]), Some("network"));
        assert_eq!(nearest("colour", ["network", "rpc"]), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn a_long_text_in_the_wrong_place_is_not_shown() {
        let told = |text: &str| {
            explain(&format!(
                "invalid type: string \"{text}\", expected a sequence"
            ))
            .0
        };
        assert_eq!(
            told("30 s"),
            "invalid type: string \"30 s\", expected a sequence"
        );
        for secret in [
            "https://node.example/v1/KEY",
            "legal \", expected winner \"",
        ] {
            assert_eq!(told(secret), "invalid type: a text, expected a sequence");
        }
    }

    #[test]
    fn an_unknown_key_far_from_all_gets_the_list() {
        let (wrong, right) = explain("unknown field `colour`, expected one of `rpc`, `ws`");
        assert_eq!(wrong, "unknown key `colour`");
        assert_eq!(right, "known are rpc, ws");
    }
}
