//! What happens to files: bits flip, lines trade places, disks fill up, editors and spreadsheets have opinions.

use rand::RngExt;
use rand_pcg::Pcg64;

/// One of a list.
pub(crate) fn one_of<'a, T: ?Sized>(random: &mut Pcg64, list: &[&'a T]) -> &'a T {
    list[random.random_range(0..list.len())]
}

/// A place in something of that length; 0 if it has none.
fn place(random: &mut Pcg64, length: usize) -> usize {
    if length == 0 { 0 } else { random.random_range(0..length) }
}

/// Damages bytes in one way, and says which.
pub(crate) fn bytes(random: &mut Pcg64, bytes: &mut Vec<u8>) -> String {
    let n = bytes.len();
    let at = place(random, n);
    let end = (at + 1 + place(random, 64)).min(n);
    match random.random_range(0..8) {
        0 => {
            bytes.truncate(at);
            format!("cut after {at} of {n} bytes")
        }
        1 => {
            bytes.drain(at..end);
            format!("bytes {at} to {end} lost")
        }
        2 => {
            let more: Vec<u8> = (0..1 + place(random, 32)).map(|_| random.random()).collect();
            let count = more.len();
            bytes.splice(at..at, more);
            format!("{count} bytes more at {at}")
        }
        3 => {
            let fill = one_of(random, &[&0_u8, &0xff, &b'\n', &b'9']);
            bytes[at..end].fill(*fill);
            format!("bytes {at} to {end} are {fill:#x}")
        }
        4 if n >= 16 => {
            let at = at.min(n - 8);
            let value = *one_of(random, &[&u64::MAX, &(u64::MAX >> 1), &(1 << 40), &(1 << 31), &0]);
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            format!("{value} at byte {at}")
        }
        5 => {
            let copy = bytes[at..end].to_vec();
            let to = place(random, n);
            bytes.splice(to..to, copy);
            format!("bytes {at} to {end} twice, again at {to}")
        }
        _ if n > 0 => {
            let bits = 1 + place(random, 4);
            let mut said = Vec::new();
            for _ in 0..bits {
                // headers are a small part of a file and the most of what a reader follows
                let reach = if random.random_bool(0.5) { n } else { n.min(4096) };
                let (at, bit) = (random.random_range(0..reach), random.random_range(0..8));
                bytes[at] ^= 1 << bit;
                said.push(format!("{at}.{bit}"));
            }
            format!("bits flipped at {}", said.join(", "))
        }
        _ => "nothing".to_owned(),
    }
}

/// Numbers that nobody expects.
const NUMBERS: [&str; 26] = [
    "0",
    "-1",
    "1",
    "2",
    "2.0e1",
    "1e400",
    "-1e308",
    "1e300",
    "1e-300",
    "1e-320",
    "nan",
    "inf",
    "-inf",
    "9.9E37",
    "1_000",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "-9223372036854775808",
    "0x10",
    "1,5",
    "007",
    "100000000",
];

/// What else is found in text files.
const SCRAPS: [&str; 20] = [
    "\0", "\u{feff}", "é", "\"", "'", "\n", "\r\n", "\t", ";", ",", "#", "[", "]", "{", "}", "=", "\u{202e}", "  ",
    "null", "-",
];

fn lines_of(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// Where numbers stand in a text.
fn numbers_in(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (k, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let part = c.is_ascii_digit() || (start.is_some() && matches!(c, '.' | 'e' | 'E' | '-' | '+' | '_'));
        match (start, part) {
            (None, true) => start = Some(k),
            (Some(from), false) => {
                found.push((from, k));
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// Damages text in one way, and says which.
pub(crate) fn text(random: &mut Pcg64, content: &mut Vec<u8>) -> String {
    let Ok(mut text) = String::from_utf8(content.clone()) else { return bytes(random, content) };
    let mut lines = lines_of(&text);
    let at = place(random, lines.len());
    let said = match random.random_range(0..10) {
        0 if lines.len() > 1 => {
            let other = place(random, lines.len());
            lines.swap(at, other);
            text = lines.concat();
            format!("lines {} and {} swapped", at + 1, other + 1)
        }
        1 if !lines.is_empty() => {
            lines.remove(at);
            text = lines.concat();
            format!("line {} lost", at + 1)
        }
        2 if !lines.is_empty() => {
            lines.insert(at, lines[at].clone());
            text = lines.concat();
            format!("line {} twice", at + 1)
        }
        3..=5 => {
            let numbers = numbers_in(&text);
            let new = one_of(random, &NUMBERS);
            match numbers.get(place(random, numbers.len())) {
                Some(&(from, to)) => {
                    let old = text[from..to].to_owned();
                    text.replace_range(from..to, new);
                    format!("{new} in the place of {old} at byte {from}")
                }
                None => "nothing".to_owned(),
            }
        }
        6 => {
            let scrap = one_of(random, &SCRAPS);
            let places: Vec<usize> = text.char_indices().map(|(k, _)| k).collect();
            let at = places.get(place(random, places.len())).copied().unwrap_or(0);
            text.insert_str(at, scrap);
            format!("{scrap:?} more at byte {at}")
        }
        7 => {
            let places: Vec<usize> = text.char_indices().map(|(k, _)| k).collect();
            let at = places.get(place(random, places.len())).copied().unwrap_or(0);
            text.truncate(at);
            format!("cut after {at} bytes")
        }
        8 => match random.random_range(0..4) {
            0 => {
                text.insert(0, '\u{feff}');
                "byte-order mark in front".to_owned()
            }
            1 => {
                text = text.replace('\n', "\r\n");
                "lines end as in Windows".to_owned()
            }
            2 => {
                let units: Vec<u16> = text.encode_utf16().collect();
                *content = std::iter::once(0xfeff).chain(units).flat_map(u16::to_le_bytes).collect();
                return "UTF-16".to_owned();
            }
            _ => {
                text = text.replace(',', ";").replace('.', ",");
                "decimal commas".to_owned()
            }
        },
        _ => return bytes(random, content),
    };
    *content = text.into_bytes();
    said
}

/// A value that does not belong where it is put.
fn odd_value(random: &mut Pcg64) -> serde_json::Value {
    use serde_json::{Value, json};
    let word =
        one_of(random, &["", "word", "a\nb", "../up", "..", "%", "$(id)", "nan", "μ", "\u{0}", "hge", "file.npz"]);
    let values = [
        json!(0),
        json!(-1),
        json!(1),
        json!(3),
        json!(2.5),
        json!(-0.0),
        json!(1e300),
        json!(-1e300),
        json!(1e-300),
        json!(2_147_483_648_u64),
        json!(9_007_199_254_740_993_u64),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(100_000_000),
        json!(true),
        json!([]),
        json!({}),
        json!([[]]),
        json!([1]),
        json!([1, 2]),
        json!([[1, 2], [3]]),
        json!(["a", 1]),
        json!({"kind": "none"}),
        json!({"file": "bad"}),
        json!({"random": 3}),
        json!({"from": 0, "to": 1, "points": 2}),
        json!(word),
        json!(word.repeat(3000)),
        Value::Null,
        json!(vec![1e-3; 2000]),
    ];
    values[random.random_range(0..values.len())].clone()
}

/// Every node of a tree, as the path to it.
fn nodes(value: &serde_json::Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    found.push(path.clone());
    let children: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), v)).collect(),
        serde_json::Value::Array(items) => items.iter().enumerate().map(|(k, v)| (k.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        path.push(key);
        nodes(child, path, found);
        path.pop();
    }
}

fn at_mut<'v>(value: &'v mut serde_json::Value, path: &[String]) -> Option<&'v mut serde_json::Value> {
    path.iter().try_fold(value, |here, key| match here {
        serde_json::Value::Object(map) => map.get_mut(key),
        serde_json::Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Damages a tree of values in one way, and says which.
pub(crate) fn tree(random: &mut Pcg64, root: &mut serde_json::Value) -> String {
    let mut all = Vec::new();
    nodes(root, &mut Vec::new(), &mut all);
    let path = all[place(random, all.len())].clone();
    let other = all[place(random, all.len())].clone();
    let name = path.join(".");
    let Some((last, parent)) = path.split_last() else { return "nothing".to_owned() };
    let copy = at_mut(root, &other).cloned().unwrap_or_default();
    let what = random.random_range(0..10);
    let value = odd_value(random);
    let Some(here) = at_mut(root, parent) else { return "nothing".to_owned() };
    match (what, here) {
        (0 | 1, serde_json::Value::Object(map)) => {
            map.shift_remove(last);
            format!("{name} lost")
        }
        (2, serde_json::Value::Object(map)) => {
            let value = map.shift_remove(last).unwrap_or_default();
            map.insert(format!("{last}x"), value);
            format!("{name} misspelt")
        }
        (0..=2, serde_json::Value::Array(items)) => {
            let item = items.remove(last.parse().unwrap_or(0));
            if what == 2 {
                items.extend([item.clone(), item]);
            }
            format!("{name} {}", if what == 2 { "twice" } else { "lost" })
        }
        (3, _) => {
            let said = format!("{name} is what {} is", other.join("."));
            if let Some(node) = at_mut(root, &path) {
                *node = copy;
            }
            said
        }
        _ => {
            let said: String = value.to_string().chars().take(60).collect();
            if let Some(node) = at_mut(root, &path) {
                *node = value;
            }
            format!("{name} = {said}")
        }
    }
}
