//! The rules of the source text, held by reading it: order of imports, fences, sizes.
//!
//! In: every Rust file of the package. Out: nothing, or all faults as `file:line: what`. Rooms
//! stand in the order of `pub mod` in `src/lib.rs`, the files of a room in the order of its
//! `mod.rs`; a module imports only what stands above it. This reads lines, it does not compile: a
//! rule that would need types is not here.

#![expect(
    clippy::unwrap_used,
    reason = "a file that cannot be read stops the test"
)]

#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/source.rs"]
mod source;

use imports::imports;
use source::{Fault, Source, body_end, mark_test_files, read_all};
use std::fmt::Write as _;
use std::path::Path;

const FILE_LINES_MAX: usize = 600;
const LINE_CHARS_MAX: usize = 100;
const FUNCTION_LINES_MAX: usize = 70;

const CLOCK: &[&str] = &["SystemTime", "Instant", "Timestamp::now", "Zoned::now"];
const OUTSIDE: &[&str] = &["std::fs", "std::net", "std::env", "std::io", "std::process"];
const BUSY: &[&str] = &[
    "async",
    "await",
    "tokio",
    "serde",
    "serde_json",
    "metrics",
    "tracing",
];
const PRINTING: &[&str] = &[
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "std::process::exit",
];

/// Words that the code of a room never has, tests apart.
const NEVER: &[(&str, &[&str])] = &[
    ("catalogue", CLOCK),
    ("intake", CLOCK),
    ("snapshot", CLOCK),
    ("index", CLOCK),
    ("build", CLOCK),
    ("check", CLOCK),
    ("check", OUTSIDE),
    ("check", BUSY),
    ("check", &["Serialize", "Deserialize"]),
    ("model", &["Serialize", "Deserialize", "serde"]),
];

/// Rooms that import no other room.
const ALONE: &[&str] = &["name", "identifier", "storage"];

/// Words that stand only in some rooms, or in files whose path begins so.
const ONLY: &[(&[&str], &[&str])] = &[
    (&["hyper", "hyper_util", "http_body_util"], &["http"]),
    (
        &["tokio"],
        &[
            "gateway",
            "http",
            "decision_log/writer",
            "decision_log/syncing",
            "cli/serve",
        ],
    ),
    (&["fst"], &["name", "index"]),
    (&["aho_corasick"], &["index", "name"]),
    (&["arc_swap"], &["gateway"]),
    (&["dashmap"], &["gateway"]),
    (
        &["metrics::", "metrics_exporter_prometheus"],
        &["telemetry"],
    ),
    (PRINTING, &["cli"]),
];

/// Names that say nothing of what is in a file.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "manager", "misc"];

#[test]
fn the_source_is_tidy() {
    let sources = read_all(Path::new(env!("CARGO_MANIFEST_DIR")));
    let faults = all_faults(&sources);
    let list = faults.iter().fold(String::new(), |mut list, fault| {
        let _ = writeln!(list, "{}:{}: {}", fault.path, fault.line, fault.what);
        list
    });
    assert!(faults.is_empty(), "{} faults\n{list}", faults.len());
}

/// The faults of all files, each once.
fn all_faults(sources: &[Source]) -> Vec<Fault> {
    let order = Order::read(sources);
    let mut faults = Vec::new();
    for source in sources {
        check_text(source, &mut faults);
        check_functions(source, &mut faults);
        if source.is_library() {
            check_fences(source, &mut faults);
            check_imports(source, &order, &mut faults);
        }
    }
    faults.dedup();
    faults
}

/// Order of rooms, and of files in each room.
struct Order {
    rooms: Vec<String>,
    files: Vec<(String, Vec<String>)>,
}

impl Order {
    fn read(sources: &[Source]) -> Self {
        let names = |source: &Source| source.declared().map(|(_, name)| name.to_owned()).collect();
        let lib = sources.iter().find(|source| source.path == "src/lib.rs");
        let stories = sources.iter().filter(|source| source.place().len() == 1);
        Self {
            rooms: names(lib.unwrap()),
            files: stories
                .map(|source| (source.place()[0].to_owned(), names(source)))
                .collect(),
        }
    }

    fn room(&self, name: &str) -> Option<usize> {
        self.rooms.iter().position(|room| room == name)
    }

    fn file(&self, room: &str, name: &str) -> Option<usize> {
        let (_, files) = self.files.iter().find(|(of, _)| of == room)?;
        files.iter().position(|file| file == name)
    }
}

fn check_text(source: &Source, faults: &mut Vec<Fault>) {
    let opening: Vec<&String> = source
        .raw
        .iter()
        .take_while(|l| l.starts_with("//!"))
        .collect();
    if opening.is_empty() {
        faults.push(source.fault(
            1,
            "open the file with `//!`: what goes in, out, never happens",
        ));
    }
    if source.raw.len() > FILE_LINES_MAX {
        let what = format!("{} lines, at most {FILE_LINES_MAX}", source.raw.len());
        faults.push(source.fault(source.raw.len(), what));
    }
    let stem = source.path.trim_end_matches(".rs").rsplit('/').next();
    if stem.is_some_and(|stem| EMPTY_NAMES.contains(&stem)) {
        faults.push(source.fault(1, "the name of the file says nothing of what is in it"));
    }
    let unsafe_said = opening.iter().any(|line| has_word(line, "unsafe"));
    for (line, raw) in source.raw.iter().enumerate() {
        let chars = raw.chars().count();
        if chars > LINE_CHARS_MAX {
            let what = format!("{chars} characters, at most {LINE_CHARS_MAX}");
            faults.push(source.fault(line + 1, what));
        }
        // Put together here, so that this file does not find itself.
        for word in [
            concat!("TO", "DO"),
            concat!("FIX", "ME"),
            concat!("XX", "X"),
        ] {
            if has_word(raw, word) {
                faults.push(source.fault(line + 1, format!("`{word}`: write an issue")));
            }
        }
        for place in [
            concat!("/wo", "rk"),
            concat!("/ro", "ot"),
            concat!("/ho", "me"),
        ] {
            if has_word(raw, place) {
                faults.push(source.fault(line + 1, format!("`{place}` is a path of one machine")));
            }
        }
        if has_real_number(raw) {
            let what = "a citizen number of a division that may be real; see identifier/synthetic";
            faults.push(source.fault(line + 1, what));
        }
        if has_word(&source.code[line], "pub use") {
            faults.push(source.fault(line + 1, "no re-exports: name the path where it is used"));
        }
        if has_word(&source.code[line], "unsafe") && !unsafe_said {
            faults.push(source.fault(line + 1, "`unsafe` in a file whose `//!` does not say so"));
        }
    }
}

/// Whether a valid citizen number of an assigned division stands in a line.
fn has_real_number(line: &str) -> bool {
    let unassigned = hecha::identifier::synthetic::UNASSIGNED.map(|prefix| prefix.to_string());
    line.as_bytes().windows(18).any(|window| {
        let synthetic = unassigned
            .iter()
            .any(|prefix| window.starts_with(prefix.as_bytes()));
        !synthetic && hecha::identifier::citizen_id::parse(window).is_ok()
    })
}

/// Functions by counting braces, from the line with `fn` to the closing brace.
fn check_functions(source: &Source, faults: &mut Vec<Fault>) {
    for (start, code) in source.lines() {
        if !has_word(code, "fn") || code.contains(" fn(") {
            continue;
        }
        let Some(end) = body_end(&source.code[start - 1..]) else {
            continue;
        };
        let lines = end + 1;
        if lines > FUNCTION_LINES_MAX {
            let what = format!("a function of {lines} lines, at most {FUNCTION_LINES_MAX}");
            faults.push(source.fault(start, what));
        }
    }
}

fn check_fences(source: &Source, faults: &mut Vec<Fault>) {
    let place = source.place();
    let path = place.join("/");
    for (line, code) in source.lines() {
        for (room, words) in NEVER {
            let found = words.iter().find(|word| has_word(code, word));
            if let Some(word) = found.filter(|_| place[0] == *room) {
                faults.push(source.fault(line, format!("`{room}` never has `{word}`")));
            }
        }
        for (words, rooms) in ONLY {
            let allowed = rooms.iter().any(|room| match room.contains('/') {
                true => path.starts_with(room),
                false => place[0] == *room,
            });
            let found = words.iter().find(|word| starts_path(code, word));
            if let Some(word) = found.filter(|_| !allowed) {
                let what = format!("`{word}` stands only in {}", rooms.join(", "));
                faults.push(source.fault(line, what));
            }
        }
    }
}

fn check_imports(source: &Source, order: &Order, faults: &mut Vec<Fault>) {
    let place = source.place();
    let Some(own_room) = order.room(place[0]) else {
        faults.push(source.fault(1, "the room is not in `src/lib.rs`"));
        return;
    };
    for (line, target) in imports(source) {
        let room = target[0].as_str();
        let Some(room_place) = order.room(room) else {
            continue;
        };
        let fault = if room != place[0] {
            if ALONE.contains(&place[0]) {
                Some(format!(
                    "`{}` imports no other room, here `{room}`",
                    place[0]
                ))
            } else if room_place > own_room {
                let what = "stands below it in `src/lib.rs`";
                Some(format!("`{}` imports `{room}`, which {what}", place[0]))
            } else {
                None
            }
        } else {
            inside_room(&place, &target, order)
        };
        faults.extend(fault.map(|what| source.fault(line, what)));
    }
}

/// What is wrong with an import of a file from its own room.
fn inside_room(place: &[&str], target: &[String], order: &Order) -> Option<String> {
    let [room, own, ..] = place else {
        return None; // The story of the room uses its files.
    };
    let name = target.get(1)?;
    if name == own {
        return None;
    }
    let Some(file_place) = order.file(room, name) else {
        return Some(format!("a file never imports its `mod.rs`, here `{name}`"));
    };
    let own_place = order.file(room, own)?;
    let what = "stands below it in the room's `mod.rs`";
    (file_place > own_place).then(|| format!("`{own}` imports `{name}`, which {what}"))
}

/// Whether `word` stands in `code` with no word character on either side.
fn has_word(code: &str, word: &str) -> bool {
    places(code, word).next().is_some()
}

/// Whether a path in `code` begins with `word`: an outside crate is meant, no module of ours.
fn starts_path(code: &str, word: &str) -> bool {
    let whole = word.ends_with("::") || word.ends_with('!');
    let begins = |rest: &str| {
        ["::", ";", "(", " as "]
            .iter()
            .any(|next| rest.starts_with(next))
    };
    places(code, word)
        .filter(|at| !code[..*at].ends_with("::"))
        .any(|at| whole || begins(&code[at + word.len()..]))
}

fn word_end(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

fn places<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> {
    let open = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| {
            let before = code[..*at].chars().next_back();
            let ends = word.ends_with("::") || word.ends_with('!');
            !before.is_some_and(open) && (ends || word_end(&code[at + word.len()..]))
        })
}

/// The faults of one file beside a small tree of rooms, without path.
fn faults_of(path: &str, text: &str) -> Vec<String> {
    let tree = [
        (
            "src/lib.rs",
            "//! Map.\npub mod name;\npub mod model;\npub mod check;\npub mod http;\n",
        ),
        ("src/name/mod.rs", "//! Story.\npub mod fold;\n"),
        (
            "src/check/mod.rs",
            "//! Story.\npub mod request;\npub mod caps;\n#[cfg(test)]\nmod oracle;\n",
        ),
        (path, text),
    ];
    let mut sources: Vec<Source> = tree.map(|(path, text)| Source::new(path, text)).into();
    mark_test_files(&mut sources);
    let faults = all_faults(&sources).into_iter();
    faults
        .map(|fault| format!("{}: {}", fault.line, fault.what))
        .collect()
}

#[track_caller]
fn finds(path: &str, code: &str, expected: &[&str]) {
    let faults = faults_of(path, &format!("//! Opening.\n{code}"));
    assert_eq!(faults.len(), expected.len(), "{code}\n{faults:?}");
    for (fault, words) in faults.iter().zip(expected) {
        assert!(fault.contains(words), "{fault}");
    }
}

#[test]
fn imports_from_below_are_found() {
    finds(
        "src/name/fold.rs",
        "use crate::check::caps::Cap;\n",
        &["2: `name` imports no other"],
    );
    finds("src/model/term.rs", "use crate::name::fold::fold;\n", &[]);
    let below = &["3: `model` imports `check`, which stands below"];
    finds(
        "src/model/term.rs",
        "\nfn a() { crate::check::caps::cap() }\n",
        below,
    );
    let grouped = "use crate::{\n    name::fold,\n    http::{listen, route},\n};\n";
    finds("src/model/term.rs", grouped, &["2: `model` imports `http`"]);
    finds(
        "src/check/request.rs",
        "use super::caps::Cap;\n",
        &["imports `caps`, which stands below"],
    );
    finds(
        "src/check/caps.rs",
        "use super::{request::A, run};\n",
        &["never imports its `mod.rs`"],
    );
    finds(
        "src/check/caps.rs",
        "use crate::check::request::A as B;\n",
        &[],
    );
    finds(
        "src/check/caps.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::http::A;\n}\n",
        &[],
    );
    finds("src/check/oracle.rs", "use crate::http::A;\n", &[]);
}

#[test]
fn words_behind_a_fence_are_found() {
    finds(
        "src/check/caps.rs",
        "use std::fs;\n",
        &["`check` never has `std::fs`"],
    );
    finds(
        "src/check/caps.rs",
        "async fn a() {}\n",
        &["`check` never has `async`"],
    );
    finds(
        "src/model/term.rs",
        "#[derive(Serialize)]\nstruct A;\n",
        &["never has `Serialize`"],
    );
    finds(
        "src/model/term.rs",
        "use hyper::body;\n",
        &["`hyper` stands only in http"],
    );
    finds(
        "src/http/listen.rs",
        "use hyper::body;\nuse tokio::net;\n",
        &[],
    );
    finds(
        "src/name/fold.rs",
        "fn a() { println!(\"{}\", 1) }\n",
        &["`println!` stands only in cli"],
    );
    finds(
        "src/name/fold.rs",
        "fn a() { std::process::exit(1) }\n",
        &["stands only in cli"],
    );
    finds(
        "src/name/fold.rs",
        "// println! and async tokio::x\nconst A: &str = \"tokio::\";\n",
        &[],
    );
}

#[test]
fn sizes_and_words_are_held() {
    assert_eq!(faults_of("src/name/fold.rs", "fn a() {}\n").len(), 1);
    let wide = format!("// {}\n", "长".repeat(98));
    finds("src/name/fold.rs", &wide, &["2: 101 characters"]);
    finds("src/name/fold.rs", &"\n".repeat(600), &["601: 601 lines"]);
    let long = format!("fn a() {{\n{}}}\n", "    b();\n".repeat(69));
    finds("src/name/fold.rs", &long, &["2: a function of 71 lines"]);
    finds("src/name/fold.rs", &long.replacen("    b();\n", "", 1), &[]);
    finds(
        "src/name/fold.rs",
        "pub use std::fmt;\n",
        &["no re-exports"],
    );
    finds(
        "src/name/fold.rs",
        "unsafe fn a() {}\n",
        &["`unsafe` in a file"],
    );
    assert!(
        faults_of(
            "src/name/fold.rs",
            "//! Has unsafe code.\nunsafe fn a() {}\n"
        )
        .is_empty()
    );
    finds("src/name/utils.rs", "", &["says nothing"]);
    let number = format!("// 110105194912310{}\n", "02X");
    finds(
        "src/name/fold.rs",
        &number,
        &["a division that may be real"],
    );
}
