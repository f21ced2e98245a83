//! Whether memory holds one more snapshot.
//!
//! In: a file. Out: nothing, or why it must not be mapped. What serves is locked into
//! memory; where the next one does not fit beside it, the kernel would end the whole process. So
//! the room is asked for first, of the machine and of each control group above this process
//! (versions 1 and 2). Pages of files that nobody locked are room: they give way. Fault F16.

use std::fs;
use std::path::{Path, PathBuf};

/// Share of a file's length that is wanted besides: what a view is made of.
const MORE: u64 = 8;

/// Less memory is left than a snapshot takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{file}` needs {wanted} bytes of memory beside what serves, {left} are left; give the \
     service more memory, then send SIGHUP"
)]
pub struct NoRoom {
    /// The file.
    pub file: String,
    /// Bytes wanted.
    pub wanted: u64,
    /// Bytes left.
    pub left: u64,
}

/// Whether a file can be mapped and locked. Where the system says nothing of its memory, it can.
///
/// Errors: it cannot.
pub fn holds(path: &Path) -> Result<(), NoRoom> {
    let file_bytes = fs::metadata(path).map_or(0, |about| about.len());
    let wanted = file_bytes.saturating_add(file_bytes / MORE);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let of_groups = folders(&groups).filter_map(|folder| left_in(&folder));
    match machine().into_iter().chain(of_groups).min() {
        Some(left) if left < wanted => {
            let name = path.file_name().unwrap_or_default();
            let file = name.to_string_lossy().into_owned();
            Err(NoRoom { file, wanted, left })
        }
        _ => Ok(()),
    }
}

/// Bytes that the machine can still give.
fn machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    figure(&text, "MemAvailable:").map(|kib| kib << 10)
}

/// Folders of the control groups of memory, from the process's own to the root.
fn folders(groups: &str) -> impl Iterator<Item = PathBuf> {
    let of_line = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let root = match controllers {
            "" => "/sys/fs/cgroup",
            _ if controllers.split(',').any(|one| one == "memory") => "/sys/fs/cgroup/memory",
            _ => return None,
        };
        Some((root, path.to_owned()))
    };
    let roots: Vec<_> = groups.lines().filter_map(of_line).collect();
    roots.into_iter().flat_map(|(root, path)| {
        let ancestors = Path::new(&path).ancestors();
        let folder = |path: &Path| Path::new(root).join(path.strip_prefix("/").unwrap_or(path));
        ancestors.map(folder).collect::<Vec<_>>()
    })
}

/// Bytes that a control group can still take; `None` where it has no limit.
fn left_in(folder: &Path) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let whole = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let limit = whole("memory.max").or_else(|| whole("memory.limit_in_bytes"))?;
    let used = whole("memory.current").or_else(|| whole("memory.usage_in_bytes"))?;
    let about = read("memory.stat")?;
    let of_files = ["active_file", "inactive_file"].map(|name| {
        // Of the group and those below it: version 1 says so by another name.
        figure(&about, &format!("total_{name}")).or_else(|| figure(&about, name))
    });
    let giving_way: u64 = of_files.into_iter().flatten().sum();
    Some(limit.saturating_sub(used.saturating_sub(giving_way)))
}

/// The whole number behind a word at the beginning of a line.
fn figure(text: &str, word: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some(word)).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_held_and_what_never_fits_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.hecha");
        let file = fs::File::create(&path).unwrap();
        assert_eq!(holds(&path), Ok(()));
        // It takes no room on the disk.
        file.set_len(1 << 42).unwrap();
        let refused = holds(&path).unwrap_err();
        assert_eq!(refused.wanted, (1 << 42) + (1 << 39));
        let said = refused.to_string();
        let needs = format!("`large.hecha` needs {} bytes", refused.wanted);
        let left = format!("what serves, {} are left", refused.left);
        assert!(said.contains(&needs) && said.contains(&left), "{said}");
        assert_eq!(holds(&folder.path().join("none")), Ok(()), "others say so");
    }

    #[test]
    fn groups_of_both_versions_are_asked_up_to_the_root() {
        let groups = "9:name=systemd:/\n4:cpu,memory:/a/b\n0::/c\nnonsense\n";
        let found: Vec<_> = folders(groups).collect();
        let wanted = [
            "/sys/fs/cgroup/memory/a/b",
            "/sys/fs/cgroup/memory/a",
            "/sys/fs/cgroup/memory/",
            "/sys/fs/cgroup/c",
            "/sys/fs/cgroup/",
        ];
        assert_eq!(found, wanted.map(PathBuf::from));
    }

    #[test]
    fn pages_of_files_are_room_and_what_is_used_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(left_in(folder.path()), None);
        put("memory.current", "700\n");
        put(
            "memory.stat",
            "anon 500\nactive_file 100\ninactive_file 50\n",
        );
        put("memory.max", "max\n");
        assert_eq!(left_in(folder.path()), None, "no limit");
        put("memory.max", "1000\n");
        assert_eq!(left_in(folder.path()), Some(450));
        put("memory.max", "100\n");
        assert_eq!(left_in(folder.path()), Some(0));
        put("memory.stat", "active_file 1\ntotal_active_file 600\n");
        assert_eq!(left_in(folder.path()), Some(0));
        put("memory.max", "200\n");
        assert_eq!(left_in(folder.path()), Some(100));
    }
}
