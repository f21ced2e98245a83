//! Rust files as lines, with comments and literals blanked and tests marked.
//!
//! In: the package's folder, or one text. Out: lines that rules can read word by word. No parser: a
//! lexer of comments, strings and character literals, and counted braces.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One fault, at a line counted from 1.
#[derive(Debug, PartialEq)]
pub struct Fault {
    /// From the package's folder.
    pub path: String,
    /// From 1.
    pub line: usize,
    /// The rule and what broke it.
    pub what: String,
}

/// A Rust file.
pub struct Source {
    /// From the package's folder, with `/`.
    pub path: String,
    /// Lines as written.
    pub raw: Vec<String>,
    /// Lines with comments and literals blanked.
    pub code: Vec<String>,
    /// Whether a line belongs to tests.
    pub test: Vec<bool>,
}

/// Every Rust file of the package and of the load generator.
pub fn read_all(root: &Path) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in ["src", "tests", "benches", "loadtest/src"] {
        rust_files(&root.join(folder), &mut paths);
    }
    paths.sort();
    let mut sources: Vec<Source> = paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).unwrap();
            let path = path.strip_prefix(root).unwrap().to_str().unwrap();
            Source::new(path, &text)
        })
        .collect();
    mark_test_files(&mut sources);
    assert!(sources.len() > 10, "too few files under {}", root.display());
    sources
}

fn rust_files(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            rust_files(&path, paths);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            paths.push(path);
        }
    }
}

/// Marks all lines of files that are declared under `#[cfg(test)]`.
pub fn mark_test_files(sources: &mut [Source]) {
    // A test file may declare further ones.
    for _ in 0..2 {
        let test_files = test_files(sources);
        for source in sources.iter_mut() {
            if test_files.contains(&source.path) {
                source.test.fill(true);
            }
        }
    }
}

/// Files that are declared under `#[cfg(test)]`, as paths.
fn test_files(sources: &[Source]) -> HashSet<String> {
    let mut files = HashSet::new();
    for source in sources {
        let stem = source.path.trim_end_matches(".rs");
        let folder = stem.trim_end_matches("/mod").trim_end_matches("/lib");
        for (line, name) in source.declared() {
            if source.test[line] {
                files.insert(format!("{folder}/{name}.rs"));
                files.insert(format!("{folder}/{name}/mod.rs"));
            }
        }
    }
    files
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let blanked = blank(text);
        let code: Vec<String> = blanked.lines().map(str::to_owned).collect();
        let raw: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(code.len(), raw.len(), "{path}");
        let all_test = !path.starts_with("src/") && !path.starts_with("loadtest/");
        let test = if all_test {
            vec![true; raw.len()]
        } else {
            test_lines(&code)
        };
        Self {
            path: path.to_owned(),
            raw,
            code,
            test,
        }
    }

    /// Whether the file belongs to a room of the library.
    pub fn is_library(&self) -> bool {
        !self.place().is_empty()
    }

    /// The module path: room, file and deeper; empty outside the library's rooms.
    pub fn place(&self) -> Vec<&str> {
        let Some(inside) = self.path.strip_prefix("src/") else {
            return Vec::new();
        };
        let mut place: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
        if place.last() == Some(&"mod") {
            place.pop();
        }
        if matches!(place[..], ["main" | "lib"]) {
            place.clear();
        }
        place
    }

    /// Modules declared with `mod name;`: line and name, in order.
    pub fn declared(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.iter().enumerate().filter_map(|(line, code)| {
            let name = code.trim().strip_suffix(';')?;
            let name = name
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub ");
            Some((line, name.strip_prefix("mod ")?))
        })
    }

    /// Lines of code that are no tests, counted from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let code = self.code.iter().zip(&self.test).enumerate();
        code.filter(|(_, (_, test))| !**test)
            .map(|(line, (code, _))| (line + 1, code.as_str()))
    }

    pub fn fault(&self, line: usize, what: impl Into<String>) -> Fault {
        Fault {
            path: self.path.clone(),
            line,
            what: what.into(),
        }
    }
}

/// The line, from 0, on which the first block that opens is closed; `None` where `;` comes first.
pub fn body_end(code: &[String]) -> Option<usize> {
    let mut depth = 0i32;
    let mut brackets = 0i32;
    for (line, code) in code.iter().enumerate() {
        for c in code.chars() {
            match c {
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets -= 1,
                '{' => depth += 1,
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(line);
                    }
                }
                ';' if depth == 0 && brackets == 0 => return None,
                _ => {}
            }
        }
    }
    None
}

/// Lines of items under `#[cfg(test)]`.
fn test_lines(code: &[String]) -> Vec<bool> {
    let mut test = vec![false; code.len()];
    for start in 0..code.len() {
        if test[start] || code[start].trim() != "#[cfg(test)]" {
            continue;
        }
        let end = body_end(&code[start..])
            .unwrap_or(1)
            .min(code.len() - 1 - start);
        test[start..=start + end].fill(true);
    }
    test
}

/// `text` with blanks for the characters of comments, strings and character literals.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            code.push(chars[at]);
            at += 1;
            continue;
        }
        let blanked = chars[at..end]
            .iter()
            .map(|c| if *c == '\n' { '\n' } else { ' ' });
        code.extend(blanked);
        at = end;
    }
    code
}

/// Where the comment or literal that begins at `at` ends; `at` where none begins.
fn literal_end(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let inside_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match rest {
        ['/', '/', ..] => at + position(rest, |tail| tail.starts_with(&['\n'])),
        ['/', '*', ..] => at + block_comment(rest),
        ['"', ..] => at + string(rest),
        ['b' | 'c', '"', ..] if !inside_word => at + 1 + string(&rest[1..]),
        ['r', '"' | '#', ..] if !inside_word => at + raw_string(rest, 1),
        ['b' | 'c', 'r', '"' | '#', ..] if !inside_word => at + raw_string(rest, 2),
        ['\'', '\\', ..] => at + 3 + position(&rest[3..], |tail| tail.starts_with(&['\''])) + 1,
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
}

/// First place at which `ends` holds for the rest, else the length.
fn position(chars: &[char], ends: impl Fn(&[char]) -> bool) -> usize {
    let found = (0..chars.len()).find(|at| ends(&chars[*at..]));
    found.unwrap_or(chars.len())
}

fn block_comment(chars: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => depth += 1,
            ['*', '/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(chars: &[char]) -> usize {
    let mut at = 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// A raw string whose hashes begin at `hashes`; nothing where no quote follows them.
fn raw_string(chars: &[char], hashes: usize) -> usize {
    let count = position(&chars[hashes..], |tail| !tail.starts_with(&['#']));
    let open = hashes + count;
    if chars.get(open) != Some(&'"') {
        return 0;
    }
    let mut close = vec!['"'];
    close.resize(count + 1, '#');
    let body = &chars[open + 1..];
    (open + 1 + position(body, |tail| tail.starts_with(&close)) + close.len()).min(chars.len())
}
