//! The imports of a file: every path of our own that its code names.
//!
//! In: a file. Out: room, file and item of each path, with the line it begins on. Reads `use` trees
//! and paths inside code alike, tests apart.

use super::source::Source;

/// Every path that begins with `crate`, `super` or `self` outside tests, resolved to room, file and
/// item, with its line.
pub fn imports(source: &Source) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let place: Vec<String> = source
        .place()
        .iter()
        .map(|part| (*part).to_owned())
        .collect();
    for (line, code) in source.lines() {
        for head in ["crate::", "super::"] {
            for (at, _) in code.match_indices(head) {
                let before = code[..at].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                    continue;
                }
                // A group may go on over several lines, up to the end of the statement.
                let rest = source.code[line - 1..].join(" ");
                let mut base = if head == "crate::" {
                    Vec::new()
                } else {
                    place[..place.len() - 1].to_vec()
                };
                let mut tree = &rest[at + head.len()..];
                while let Some(deeper) = tree.strip_prefix("super::") {
                    base.pop();
                    tree = deeper;
                }
                expand(tree, &base, &mut |path| found.push((line, path)));
            }
        }
    }
    found.retain(|(_, path)| !path.is_empty());
    found
}

/// The paths of a use tree such as `a::{b, c::d}`; returns what follows the tree.
fn expand<'a>(tree: &'a str, base: &[String], found: &mut dyn FnMut(Vec<String>)) -> &'a str {
    let mut path = base.to_vec();
    let mut rest = tree.trim_start();
    loop {
        if let Some(mut group) = rest.strip_prefix('{') {
            loop {
                group = expand(group, &path, found).trim_start();
                group = match group.strip_prefix(',') {
                    Some(next) if !next.trim_start().starts_with('}') => next,
                    Some(next) => return next.trim_start().strip_prefix('}').unwrap_or(next),
                    None => return group.strip_prefix('}').unwrap_or(group),
                };
            }
        }
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        if !word.is_empty() && word != "self" {
            path.push(word.to_owned());
        }
        let after = after.strip_prefix('*').unwrap_or(after);
        match after.strip_prefix("::") {
            Some(deeper) if !word.is_empty() => rest = deeper,
            _ => {
                found(path);
                let renamed = after.trim_start().strip_prefix("as ");
                return renamed.map_or(after, |name| {
                    name.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
                });
            }
        }
    }
}
