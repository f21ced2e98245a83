//! Brings the bytes of a file into memory so that nobody can change them while they are read.
//!
//! In: a path. Out: read-only bytes. In place only where file and folder belong to this process's
//! user or to root and nobody else may write to them; otherwise the bytes are copied first, into
//! the state folder or, without one, into memory. What is mapped is the very file that was looked
//! at: by its descriptor, never by its name again. The one place with `unsafe`.

use memmap2::{Mmap, MmapMut, MmapOptions};
use rustix::fs::OFlags;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the bytes of a snapshot are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residence {
    /// The file itself is mapped.
    InPlace,
    /// A copy in the state folder is mapped; its name is gone already.
    Copied,
    /// In anonymous memory.
    Memory,
}

/// Read-only bytes of a file.
#[derive(Debug)]
pub struct Mapping {
    map: Mmap,
    bytes: usize,
    residence: Residence,
}

impl Mapping {
    /// Maps the file at `path`, or a copy of it. Symbolic links in `path` are followed first.
    ///
    /// Errors: reading, copying or mapping.
    pub fn of_file(path: &Path, state_dir: Option<&Path>) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        let file = File::options()
            .read(true)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
            .open(&path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let folder = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
        if ours_alone(&about) && ours_alone(&folder) {
            return Self::map(&file, Residence::InPlace);
        }
        match state_dir {
            Some(state_dir) => Self::map(&copy_into(file, state_dir)?, Residence::Copied),
            None => Self::read(file),
        }
    }

    /// A copy of `bytes` in memory of its own.
    ///
    /// Errors: no memory.
    pub fn of_bytes(bytes: &[u8]) -> io::Result<Self> {
        // An empty mapping is not allowed: one byte more than needed.
        let mut map = MmapMut::map_anon(bytes.len() + 1)?;
        map[..bytes.len()].copy_from_slice(bytes);
        Ok(Self {
            map: map.make_read_only()?,
            bytes: bytes.len(),
            residence: Residence::Memory,
        })
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.map[..self.bytes]
    }

    /// Where they are.
    pub fn residence(&self) -> Residence {
        self.residence
    }

    /// Keeps all pages in memory.
    ///
    /// Errors: the limit on locked memory does not allow it.
    pub fn lock(&self) -> io::Result<()> {
        self.map.lock()
    }

    fn read(mut file: File) -> io::Result<Self> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Self::of_bytes(&bytes)
    }

    #[expect(
        unsafe_code,
        reason = "mapping a file is reading memory that others could change"
    )]
    fn map(file: &File, residence: Residence) -> io::Result<Self> {
        let about = file.metadata()?;
        if about.len() == 0 {
            return Self::of_bytes(&[]);
        }
        debug_assert!(residence == Residence::Copied || ours_alone(&about));
        // SAFETY: the mapping is private and read-only, and the file behind it is not written to
        // or cut while it lives: only this user and root may (`ours_alone`, checked on this very
        // descriptor, or a copy of ours without a name), and they replace snapshots by rename.
        let map = unsafe { MmapOptions::new().populate().map_copy_read_only(file)? };
        Ok(Self {
            bytes: map.len(),
            map,
            residence,
        })
    }
}

/// Whether this process's user or root owns it and nobody else may write to it.
fn ours_alone(about: &Metadata) -> bool {
    let user = rustix::process::geteuid().as_raw();
    (about.uid() == user || about.uid() == 0) && about.mode() & 0o022 == 0
}

/// Copies into a file that only this process can name, and no longer has a name when this returns.
fn copy_into(mut from: File, state_dir: &Path) -> io::Result<File> {
    static COPIES: AtomicU64 = AtomicU64::new(0);
    let number = COPIES.fetch_add(1, Ordering::Relaxed);
    let name = state_dir.join(format!("snapshot-copy-{}-{number}", std::process::id()));
    // Left behind by a process of the same number that was killed while it copied.
    let _ = fs::remove_file(&name);
    let mut copy = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&name)?;
    let copied = io::copy(&mut from, &mut copy);
    fs::remove_file(&name)?;
    copied.map(|_| copy)
}
