//! Rewrites messages of the parsing libraries in plain English.

/// Largest whole number in settings.
const LARGEST: i64 = i64::MAX;

/// Message for a value of the wrong type or outside the range of its type; other messages are kept, on one line.
#[must_use]
pub fn plain(message: &str) -> String {
    let message = message.trim_end().replace('\n', "; ");
    // as serde_json writes it
    if let Some((message, place)) = message.rsplit_once(" at line ") {
        return format!("{}, line {}", plain(message), place.replace(" column ", ", column "));
    }
    let found = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let Some((found, expected)) = found.and_then(|rest| rest.rsplit_once(", expected ")) else { return message };
    let quoted = found.split_once('`').and_then(|(kind, rest)| Some((kind.trim_end(), rest.strip_suffix('`')?)));
    let found = match (found, quoted) {
        ("sequence", _) => "a list".to_owned(),
        ("map", _) => "a table".to_owned(),
        (_, Some(("floating point" | "integer" | "boolean", value))) => value.to_owned(),
        _ => found.strip_prefix("string ").map_or_else(|| found.to_owned(), |text| format!("the text {text}")),
    };
    let is_whole = found.parse::<f64>().is_ok_and(|x| x >= 0.0 && x.fract() == 0.0 && x < 1e15);
    let needed = match expected {
        "u64" | "usize" | "u32" | "u16" | "u8" if is_whole => {
            format!("a whole number is needed, written {:.0}", found.parse::<f64>().unwrap_or_default())
        }
        "u64" | "usize" => format!("a whole number from 0 to {LARGEST} is needed"),
        "u32" => format!("a whole number from 0 to {} is needed", u32::MAX),
        "f64" => "a number is needed".to_owned(),
        "a string" => "a text is needed".to_owned(),
        "a boolean" => "true or false is needed".to_owned(),
        "a sequence" => "a list is needed".to_owned(),
        other => format!("{other} is needed"),
    };
    format!("found {found}: {needed}")
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn types_have_the_names_that_users_know() {
        for (message, words) in [
            ("invalid type: floating point `20.0`, expected u64", "found 20.0: a whole number is needed, written 20"),
            (
                "invalid type: floating point `2.5`, expected usize",
                "found 2.5: a whole number from 0 to 9223372036854775807",
            ),
            (
                "invalid value: integer `-1`, expected u64",
                "found -1: a whole number from 0 to 9223372036854775807 is needed",
            ),
            ("invalid type: string \"1e\", expected u64", "found the text \"1e\": a whole number from 0"),
            ("invalid type: sequence, expected f64", "found a list: a number is needed"),
            ("invalid type: map, expected a string", "found a table: a text is needed"),
            ("invalid type: boolean `true`, expected a sequence\n", "found true: a list is needed"),
            (
                "invalid type: floating point `20.5`, expected usize at line 3 column 9",
                "found 20.5: a whole number from 0 to 9223372036854775807 is needed, line 3, column 9",
            ),
            ("unknown field `x`, expected `y`", "unknown field `x`, expected `y`"),
            ("missing\nlines", "missing; lines"),
        ] {
            assert!(plain(message).starts_with(words), "{message}: {}", plain(message));
        }
    }
}
