//! Whether two characters sound or look alike.
//!
//! In: characters. Out: a class of sound, and in which way two characters resemble each other.

use super::super::similarity::DifferenceKind;
use std::collections::HashMap;
use std::sync::LazyLock;

struct T {
    read: HashMap<char, Vec<(String, String)>>,
    ids: HashMap<String, u32>,
    first: HashMap<char, u32>,
    shape: HashMap<char, Vec<u32>>,
}
fn dialect(s: &str) -> String {
    let mut s = s.to_owned();
    for (a, b) in [("zh", "z"), ("ch", "c"), ("sh", "s")] {
        if let Some(r) = s.strip_prefix(a) {
            s = format!("{b}{r}");
        }
    }
    if let Some(r) = s.strip_prefix('n') {
        s = format!("l{r}");
    }
    if let Some(r) = s.strip_prefix('r') {
        s = format!("l{r}");
    }
    if let Some(r) = s.strip_prefix("hu") {
        if !r.is_empty() {
            s = format!("f{r}");
        }
    }
    for (a, b) in [("ing", "in"), ("eng", "en"), ("ang", "an")] {
        if let Some(r) = s.strip_suffix(a) {
            s = format!("{r}{b}");
        }
    }
    s
}
static TT: LazyLock<T> = LazyLock::new(|| {
    let mut t = T { read: HashMap::new(), ids: HashMap::new(), first: HashMap::new(), shape: HashMap::new() };
    for l in include_str!("/tmp/h2-tmp/pinyin.tsv").lines().filter(|l| !l.starts_with('#')) {
        let mut c = l.split('\t');
        let ch = c.next().and_then(|x| x.chars().next()).unwrap_or('x');
        let mut v = vec![];
        for r in c.next().unwrap_or("").split(' ') {
            let s = r.trim_end_matches(|c: char| c.is_ascii_digit());
            v.push((s.to_owned(), dialect(s)));
        }
        let n = t.ids.len() as u32;
        let id = *t.ids.entry(v[0].1.clone()).or_insert(n);
        t.first.insert(ch, id);
        t.read.insert(ch, v);
    }
    for (i, l) in include_str!("/tmp/h2-tmp/shape_groups.tsv").lines().filter(|l| !l.starts_with('#')).enumerate() {
        for ch in l.split('\t').nth(1).unwrap_or("").chars().filter(|c| *c != ' ') {
            t.shape.entry(ch).or_default().push(i as u32);
        }
    }
    t
});

/// The class of sound of a character.
pub fn sound(c: char) -> u32 {
    TT.first.get(&c).map_or(u32::from(c), |i| 0x20000 + *i)
}

/// In which way two different characters resemble each other.
pub fn likeness(one: char, other: char) -> Option<DifferenceKind> {
    let t = &*TT;
    if let (Some(a), Some(b)) = (t.read.get(&one), t.read.get(&other)) {
        if a.iter().any(|x| b.iter().any(|y| x.0 == y.0)) {
            return Some(DifferenceKind::Homophone);
        }
        if a.iter().any(|x| b.iter().any(|y| x.1 == y.1)) {
            return Some(DifferenceKind::NearHomophone);
        }
    }
    if let (Some(a), Some(b)) = (t.shape.get(&one), t.shape.get(&other)) {
        if a.iter().any(|x| b.contains(x)) {
            return Some(DifferenceKind::Shape);
        }
    }
    None
}
