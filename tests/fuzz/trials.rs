//! One trial: files, of which one is damaged, and the commands that are given it.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use toml::{Table, Value};

use crate::corpus::{Corpus, Files, SCENARIOS, SHARDED};
use crate::{arrays, damage, results};

/// What is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Scenario,
    Shipped,
    Device,
    Npz,
    Npy,
    Csv,
    Results,
    Rearranged,
    Checkpoint,
}

/// As often as each is tried.
const KINDS: [Kind; 12] = [
    Kind::Scenario,
    Kind::Scenario,
    Kind::Shipped,
    Kind::Device,
    Kind::Npz,
    Kind::Npy,
    Kind::Csv,
    Kind::Results,
    Kind::Results,
    Kind::Rearranged,
    Kind::Checkpoint,
    Kind::Checkpoint,
];

/// A command, and whether it may take long, as long as it ends when it is asked to.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) arguments: Vec<String>,
    pub(crate) may_be_long: bool,
}

/// A trial. It depends on seed and number alone.
pub(crate) struct Trial {
    pub(crate) kind: Kind,
    pub(crate) files: Files,
    /// The file that is damaged, and how.
    pub(crate) damaged: String,
    pub(crate) damage: Vec<String>,
    pub(crate) calls: Vec<Call>,
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn call(line: &str) -> Call {
    Call { arguments: words(line), may_be_long: line.starts_with("run") && !line.contains("--dry-run") }
}

fn run(scenario: &str) -> Call {
    call(&format!("run {scenario} --output out --quiet --threads 1"))
}

/// Where a scenario's files go, and what it reads.
fn place(files: &mut Files, corpus: &Corpus, name: &str, text: &[u8]) -> String {
    files.extend(corpus.data.clone());
    let file = format!("{name}.toml");
    files.insert(file.clone(), text.to_vec());
    file
}

fn sound(name: &str) -> &'static str {
    SCENARIOS.iter().find(|(n, _)| *n == name).map_or("", |(_, text)| text)
}

impl Trial {
    pub(crate) fn new(corpus: &Corpus, seed: u64, number: u64) -> Self {
        let mut random = Pcg64::seed_from_u64(seed.rotate_left(32) ^ number);
        let kind = KINDS[random.random_range(0..KINDS.len())];
        let mut trial =
            Self { kind, files: Files::new(), damaged: String::new(), damage: Vec::new(), calls: Vec::new() };
        match kind {
            Kind::Scenario => trial.scenario(corpus, &mut random),
            Kind::Shipped => trial.shipped(corpus, &mut random),
            Kind::Device => trial.device(corpus, &mut random),
            Kind::Npz => trial.data_file(corpus, &mut random, &[("surrogate", "surrogate.npz")], arrays::damage_npz),
            Kind::Npy => {
                let scenarios = [("spectrum", "spectrum.npy"), ("spectrum", "trace.npy")];
                trial.data_file(corpus, &mut random, &scenarios, arrays::damage_npy);
            }
            Kind::Csv => {
                let scenarios = [("surrogate", "spectrum.csv"), ("training", "task.csv"), ("training", "test.csv")];
                trial.data_file(corpus, &mut random, &scenarios, damage::text);
            }
            Kind::Results => trial.results(corpus, &mut random),
            Kind::Rearranged => trial.rearranged(corpus, &mut random),
            Kind::Checkpoint => trial.checkpoint(corpus, &mut random),
        }
        trial
    }

    /// Damages the file up to three times.
    fn damage(&mut self, random: &mut Pcg64, file: &str, with: fn(&mut Pcg64, &mut Vec<u8>) -> String) {
        file.clone_into(&mut self.damaged);
        let times = [1, 1, 1, 2, 3][random.random_range(0..5)];
        let content = self.files.entry(file.to_owned()).or_default();
        self.damage = (0..times).map(|_| with(random, content)).collect();
    }

    fn scenario(&mut self, corpus: &Corpus, random: &mut Pcg64) {
        let (name, text) = SCENARIOS[random.random_range(0..SCENARIOS.len())];
        let file = place(&mut self.files, corpus, name, text.as_bytes());
        let with = if random.random_bool(0.4) { damage::text } else { scenario_tree };
        self.damage(random, &file, with);
        if random.random_bool(0.3) {
            self.calls.push(call(&format!("run {file} --output out --dry-run")));
        }
        self.calls.push(run(&file));
    }

    fn shipped(&mut self, corpus: &Corpus, random: &mut Pcg64) {
        let (name, text) = &corpus.shipped[random.random_range(0..corpus.shipped.len())];
        let name = name.trim_end_matches(".toml");
        let file = place(&mut self.files, corpus, name, text.as_bytes());
        let with = if random.random_bool(0.4) { damage::text } else { scenario_tree };
        self.damage(random, &file, with);
        let mut call = call(&format!("run {file} --output out --dry-run"));
        // it times some of its points
        call.may_be_long = true;
        self.calls.push(call);
    }

    fn device(&mut self, corpus: &Corpus, random: &mut Pcg64) {
        let with = if random.random_bool(0.3) { damage::text } else { json_tree };
        let file = "device.json";
        if random.random_bool(0.3) {
            let name = *damage::one_of(random, &[&"network", &"response"]);
            let scenario = place(&mut self.files, corpus, name, sound(name).as_bytes());
            self.damage(random, file, with);
            self.calls.push(run(&scenario));
            return;
        }
        self.files.insert(file.to_owned(), corpus.data[file].clone());
        self.damage(random, file, with);
        let commands = [
            "device show device.json",
            "device currents device.json --voltages 0.2,0,-0.1,0,0,0.1,0,0 --json",
            "device currents device.json --method events --hops 20000",
            "device currents device.json --method mean-field",
            "device gradient device.json --electrode 7",
            "device noise device.json --electrode 7 --output noise",
            "device map device.json --output map",
            "device iv device.json --vary 0 --from -0.1 --to 0.1 --electrode 7 --output iv",
            "device trajectory device.json --events 1000 --output events.h5",
            "device lock-in device.json --electrode 7 --drive 0,1 --amplitude 0.002 --frequencies 1e6,1.3e6 --time 1e-5",
        ];
        self.calls.push(call(damage::one_of(random, &commands)));
    }

    fn data_file(
        &mut self,
        corpus: &Corpus,
        random: &mut Pcg64,
        scenarios: &[(&str, &str)],
        with: fn(&mut Pcg64, &mut Vec<u8>) -> String,
    ) {
        let (name, file) = scenarios[random.random_range(0..scenarios.len())];
        let scenario = place(&mut self.files, corpus, name, sound(name).as_bytes());
        self.damage(random, file, with);
        self.calls.push(run(&scenario));
    }

    /// The three readers of a results file, and `run`, which looks whether it is finished.
    fn readers(&mut self, random: &mut Pcg64, file: &str) {
        let kinds =
            ["error", "scatter", "response", "spectrum", "gates", "traces", "classification", "learning", "comparison"];
        let kind = damage::one_of(random, &kinds);
        let (plot, other) = (format!("plot {file}"), format!("plot {file} --kind {kind} --output other"));
        for line in [format!("show {file}"), plot, other, format!("export {file}")] {
            self.calls.push(call(&line));
        }
    }

    fn results(&mut self, corpus: &Corpus, random: &mut Pcg64) {
        let names: Vec<&String> = corpus.results.keys().collect();
        let file = names[random.random_range(0..names.len())].clone();
        let mut content = corpus.results[&file].clone();
        // with its checksum nothing of it would get as far as libhdf5
        if random.random_bool(0.9) {
            results::strip_checksum(&mut content);
        }
        self.files.insert(file.clone(), content);
        self.damage(random, &file, damage::bytes);
        self.readers(random, &file);
    }

    fn rearranged(&mut self, corpus: &Corpus, random: &mut Pcg64) {
        let names: Vec<&String> = corpus.results.keys().collect();
        let file = names[random.random_range(0..names.len())].clone();
        self.files.insert(file.clone(), corpus.results[&file].clone());
        self.damage(random, &file, results::rearrange);
        self.readers(random, &file);
    }

    fn checkpoint(&mut self, corpus: &Corpus, random: &mut Pcg64) {
        let name = *damage::one_of(random, &[&SHARDED[0], &SHARDED[1], &SHARDED[2]]);
        let scenario = place(&mut self.files, corpus, name, sound(name).as_bytes());
        let beside: Vec<&String> = corpus.unfinished.keys().filter(|f| f.starts_with(name)).collect();
        for file in &beside {
            self.files.insert(format!("out/{file}"), corpus.unfinished[*file].clone());
        }
        let file = format!("out/{}", beside[random.random_range(0..beside.len())]);
        let with = if file.ends_with(".json") { damage::text } else { damage::bytes };
        self.damage(random, &file, with);
        self.calls.push(call("status --output out"));
        self.calls.push(run(&format!("{scenario} --shard 1/2")));
        self.calls.push(call(&format!("merge {scenario} --output out --keep")));
        self.calls.push(run(&format!("{scenario} --shard 1/2 --fresh")));
    }
}

fn scenario_tree(random: &mut Pcg64, content: &mut Vec<u8>) -> String {
    let parsed = std::str::from_utf8(content).ok().and_then(|t| toml::from_str::<Table>(t).ok());
    let Some(mut tree) = parsed.and_then(|t| serde_json::to_value(t).ok()) else {
        return damage::text(random, content);
    };
    let said = damage::tree(random, &mut tree);
    let text = match to_toml(&tree) {
        Value::Table(table) => toml::to_string(&table).unwrap_or_default(),
        other => other.to_string(),
    };
    *content = text.into_bytes();
    said
}

fn to_toml(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::String("null".to_owned()),
        serde_json::Value::Bool(b) => Value::Boolean(*b),
        serde_json::Value::String(s) => Value::String(s.clone()),
        serde_json::Value::Number(n) => {
            n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap_or(f64::NAN)), Value::Integer)
        }
        serde_json::Value::Array(items) => Value::Array(items.iter().map(to_toml).collect()),
        serde_json::Value::Object(map) => Value::Table(map.iter().map(|(k, v)| (k.clone(), to_toml(v))).collect()),
    }
}

fn json_tree(random: &mut Pcg64, content: &mut Vec<u8>) -> String {
    let Ok(mut tree) = serde_json::from_slice::<serde_json::Value>(content) else {
        return damage::text(random, content);
    };
    let said = damage::tree(random, &mut tree);
    *content = serde_json::to_vec_pretty(&tree).unwrap_or_default();
    said
}
