//! Brings the bytes of a file into memory so that nobody can change them while they are read.
//!
//! In: a path. Out: read-only bytes. In place only where file and folder belong to this process's
//! user or to root and nobody else may write to them; otherwise the bytes are copied first, into
//! the state folder or, without one, into memory. What is mapped is the very file that was looked
//! at: by its descriptor, never by its name again. The one place with `unsafe`.

use memmap2::{Advice, Mmap, MmapMut, MmapOptions, UncheckedAdvice};
use rustix::fs::OFlags;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Pages are brought, locked and given back so many bytes at a time: the system holds a lock of the
/// whole process meanwhile, and a thread of low priority may hold it long.
const SLICE_BYTES: usize = 4 << 20;

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
    /// Errors: the limit on locked memory does not allow it; then none is kept.
    #[expect(unsafe_code, reason = "the system call takes an address")]
    pub fn lock(&self) -> io::Result<()> {
        for slice in self.map.chunks(SLICE_BYTES) {
            let first = slice.as_ptr().cast_mut().cast();
            // SAFETY: these are bytes of the mapping, which lives; no byte changes.
            if let Err(fault) = unsafe { rustix::mm::mlock(first, slice.len()) } {
                self.map.unlock()?;
                return Err(fault.into());
            }
        }
        Ok(())
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
        let map = unsafe { MmapOptions::new().map_copy_read_only(file)? };
        // Pages of 2 MiB where the file was written or is read in such pieces: a look at a random
        // place then misses the processor's table of pages less often. No matter if it cannot be.
        let _ = map.advise(Advice::HugePage);
        for start in (0..map.len()).step_by(SLICE_BYTES) {
            let bytes = SLICE_BYTES.min(map.len() - start);
            // Where the system cannot do this, pages come as they are read.
            let _ = map.advise_range(Advice::PopulateRead, start, bytes);
        }
        Ok(Self {
            bytes: map.len(),
            map,
            residence,
        })
    }
}

impl Drop for Mapping {
    #[expect(
        unsafe_code,
        reason = "a page that is given back may read as another one"
    )]
    fn drop(&mut self) {
        // What fails here is done by the system when the mapping ends.
        for start in (0..self.map.len()).step_by(SLICE_BYTES) {
            let bytes = SLICE_BYTES.min(self.map.len() - start);
            let first = self.map.as_ptr().wrapping_add(start).cast_mut().cast();
            // SAFETY: `start..start + bytes` lies in the mapping, which lives; no byte changes.
            let _ = unsafe { rustix::mm::munlock(first, bytes) };
            // SAFETY: nobody reads the bytes any more, for nobody can have borrowed them.
            let _ = unsafe {
                self.map
                    .unchecked_advise_range(UncheckedAdvice::DontNeed, start, bytes)
            };
        }
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
    // At once: a copy that is broken off leaves nothing behind.
    fs::remove_file(&name)?;
    copy_in_pieces(&mut from, &mut copy)?;
    Ok(copy)
}

/// The page cache keeps a file in pages as large as the pieces in which it was written.
fn copy_in_pieces(from: &mut File, to: &mut File) -> io::Result<()> {
    let mut piece = Vec::with_capacity(SLICE_BYTES);
    loop {
        piece.clear();
        from.take(SLICE_BYTES as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok(());
        }
        to.write_all(&piece)?;
    }
}
