//! The library `shim.c`, built once, and the numbers by which a test tells it what to do.

use crate::installation::Installation;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

pub const EIO: u32 = 5;

/// Numbers of `shim.c`, in its order.
#[derive(Clone, Copy)]
pub enum Number {
    SyncDelayMs = 0,
    SyncsPass = 1,
    SyncsFail = 2,
    SyncErrno = 3,
    WritesPass = 4,
    WritesFail = 5,
    WriteErrno = 6,
    IsFull = 7,
    Failures = 8,
}

/// The file of numbers of one installation.
pub struct Shim {
    file: PathBuf,
    library: OsString,
    folder: OsString,
}

impl Shim {
    /// For the files of the state folder.
    pub fn new(installation: &Installation) -> Self {
        let file = installation.path("shim");
        std::fs::write(&file, [0; 4 * 16]).unwrap();
        Self {
            file,
            library: library().into(),
            folder: installation.state_dir().into(),
        }
    }

    /// Variables of a process that it stands under.
    pub fn variables(&self) -> Vec<(&str, &std::ffi::OsStr)> {
        vec![
            ("LD_PRELOAD", self.library.as_os_str()),
            ("HECHA_SHIM_FILE", self.file.as_os_str()),
            ("HECHA_SHIM_FOLDER", self.folder.as_os_str()),
        ]
    }

    pub fn set(&self, number: Number, value: u32) {
        let file = OpenOptions::new().write(true).open(&self.file).unwrap();
        let place = number as u64 * 4;
        file.write_all_at(&value.to_ne_bytes(), place).unwrap();
    }

    pub fn get(&self, number: Number) -> u32 {
        let mut bytes = [0; 4];
        let file = OpenOptions::new().read(true).open(&self.file).unwrap();
        file.read_exact_at(&mut bytes, number as u64 * 4).unwrap();
        u32::from_ne_bytes(bytes)
    }
}

/// Builds the library; `make tools` sees to a C compiler.
fn library() -> PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let library = out.join(format!("shim-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .args([source, "-ldl"])
            .status();
        assert!(built.unwrap().success(), "`cc` builds {source}");
        library
    };
    LIBRARY.get_or_init(build).clone()
}
