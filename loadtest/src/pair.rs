//! What `swap` and `soak` share: a gateway that is to go from one snapshot to another.
//!
//! In: arguments. Out: folders of the run, the gateway with the first snapshot published, requests,
//! a rate. Everything of a run stands below one folder, which goes with success.

use crate::drive::Driver;
use crate::exchange::request;
use crate::gateway::{Gateway, Guards, Server, add_unit, prepare, publish};
use crate::machine::{Snapshot, inspect};
use crate::pin::{on_core, to_core};
use crate::rounds::read_bodies;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What names the snapshot that is to serve.
const POINTER: &str = "current.json";
/// Loops in which saturation is sought.
const SATURATION_LOOPS: u32 = 3;

/// Arguments of `loadtest swap` and `loadtest soak`.
#[derive(Args)]
pub struct PairArguments {
    /// hecha program to start
    #[arg(long)]
    hecha_bin: PathBuf,
    /// Two snapshot files, the older first: A.hecha,B.hecha. They may differ no more than `hecha
    /// publish` lets pass
    #[arg(long, value_delimiter = ',', num_args = 1.., required = true)]
    snapshots: Vec<PathBuf>,
    /// Master key both were built with
    #[arg(long)]
    snapshot_key: PathBuf,
    /// Environment both were built for
    #[arg(long, default_value = "production")]
    environment: String,
    /// Request bodies, one a line, as `mix` writes them
    #[arg(long)]
    mix: PathBuf,
    /// Least level of answers: kernel, or disk for all
    #[arg(long, default_value = "kernel", value_parser = ["kernel", "disk"])]
    level: String,
    /// Requests in flight where saturation is sought; eight times as many at most otherwise
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=512))]
    connections: u16,
    /// Core of the server
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Core of the load
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Folder of this run, made and removed; on the disk to be measured. Holds copies of both
    /// snapshots and the log
    #[arg(long, default_value = "loadtest-state")]
    pub state_dir: PathBuf,
    /// Also write the figures to this file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// What a run has at hand.
pub struct Prepared {
    /// Bodies to ask with.
    pub bodies: Vec<String>,
    /// The older and the newer snapshot.
    pub snapshots: [Snapshot; 2],
}

/// Both snapshots as `hecha publish` left them, each with the pointer that names it: what is
/// brought to a gateway from the machine that builds and publishes.
pub struct Published {
    folder: PathBuf,
    /// Name of the file, and the pointer.
    each: [(String, Vec<u8>); 2],
}

/// A gateway of its own, in a folder of its own.
pub struct Place {
    folder: PathBuf,
    snapshot_dir: PathBuf,
}

impl PairArguments {
    /// Runs `work` in the folder of the run, which goes with its success.
    pub fn in_folder<T>(&self, work: impl FnOnce(&Prepared) -> Result<T>) -> Result<T> {
        let [older, newer] = self.files()?;
        let prepared = Prepared {
            bodies: read_bodies(&self.mix)?,
            snapshots: [
                inspect(&self.hecha_bin, older)?,
                inspect(&self.hecha_bin, newer)?,
            ],
        };
        let [older, newer] = &prepared.snapshots;
        if older.id == newer.id {
            bail!("both files are the same snapshot {}; name two", older.id);
        }
        let folder = self.state_dir.display();
        fs::create_dir(&self.state_dir)
            .with_context(|| format!("{folder}: cannot be made; remove it or name another"))?;
        to_core(self.load_core)?;
        let done = work(&prepared).with_context(|| format!("files of the run are in {folder}"))?;
        fs::remove_dir_all(&self.state_dir).with_context(|| folder.to_string())?;
        Ok(done)
    }

    /// The older and the newer file.
    pub fn files(&self) -> Result<[&Path; 2]> {
        match &*self.snapshots {
            [older, newer] => Ok([older, newer]),
            other => bail!("--snapshots names {} files; name two", other.len()),
        }
    }

    /// The file with the request bodies.
    pub fn mix(&self) -> &Path {
        &self.mix
    }

    /// Core of the server and of the load.
    pub fn cores(&self) -> [usize; 2] {
        [self.server_core, self.load_core]
    }

    /// Connections of open loops.
    pub fn connections(&self) -> usize {
        usize::from(self.connections) * 8
    }

    /// Publishes both, the newer one held against the older as always.
    pub fn publish_both(&self) -> Result<Published> {
        let place = self.place("published")?;
        let publish = |file| -> Result<(String, Vec<u8>)> {
            publish(&self.gateway(&place), file)?;
            let path = place.snapshot_dir.join(POINTER);
            let pointer = fs::read(&path).with_context(|| path.display().to_string())?;
            let name = serde_json::from_slice::<Value>(&pointer)?["file"]
                .as_str()
                .with_context(|| format!("{} names no file", path.display()))?
                .to_owned();
            Ok((name, pointer))
        };
        let [older, newer] = self.files()?;
        Ok(Published {
            each: [publish(older)?, publish(newer)?],
            folder: place.snapshot_dir,
        })
    }

    /// A gateway with the older snapshot, and the token of a unit that may ask and act.
    pub fn serve(&self, place: &Place, published: &Published) -> Result<(Server, String)> {
        let gateway = self.gateway(place);
        let (from, to) = published.paths(place, 0);
        fs::hard_link(&from, &to).with_context(|| to.display().to_string())?;
        published.point(place, 0)?;
        prepare(&gateway)?;
        let token = add_unit(&gateway, "loadtest")?;
        let start = || Server::again(&gateway);
        let server = on_core(self.server_core, self.load_core, start)?;
        Ok((server, token))
    }

    /// The gateway of a place.
    pub fn gateway<'a>(&'a self, place: &'a Place) -> Gateway<'a> {
        Gateway {
            program: &self.hecha_bin,
            snapshot_dir: &place.snapshot_dir,
            snapshot_key: &self.snapshot_key,
            environment: &self.environment,
            level: &self.level,
            state_dir: &place.folder,
            guards: Guards::PLAIN,
        }
    }

    /// A place for one gateway.
    pub fn place(&self, name: &str) -> Result<Place> {
        let folder = self.state_dir.join(name);
        let snapshot_dir = folder.join("snapshots");
        fs::create_dir_all(&snapshot_dir).with_context(|| snapshot_dir.display().to_string())?;
        Ok(Place {
            folder,
            snapshot_dir,
        })
    }

    /// Answers a second in the best of some closed loops; the first also warm up.
    pub fn saturation(&self, driver: &mut Driver<'_>, span: Duration) -> Result<f64> {
        let mut best = 0.0f64;
        for _ in 0..SATURATION_LOOPS {
            let measured = driver.closed_loop(usize::from(self.connections), span)?;
            if measured.failed() > 0 {
                bail!(
                    "{} requests failed while saturation was sought",
                    measured.failed()
                );
            }
            best = best.max(measured.rate());
        }
        Ok(best)
    }
}

impl Published {
    /// Where the file of the older (0) or newer (1) snapshot lies, and where a gateway looks.
    pub fn paths(&self, place: &Place, which: usize) -> (PathBuf, PathBuf) {
        let name = &self.each[which].0;
        (self.folder.join(name), place.snapshot_dir.join(name))
    }

    /// Lets a gateway's pointer name a snapshot: aside and renamed, as `publish` does.
    pub fn point(&self, place: &Place, which: usize) -> Result<()> {
        let (pointer, aside) = (
            place.snapshot_dir.join(POINTER),
            place.snapshot_dir.join("pointer.part"),
        );
        let put = || {
            fs::write(&aside, &self.each[which].1)?;
            fs::rename(&aside, &pointer)
        };
        put().with_context(|| pointer.display().to_string())
    }
}

impl Prepared {
    /// Requests of a unit.
    pub fn requests(&self, token: &str) -> Vec<Vec<u8>> {
        let bodies = self.bodies.iter();
        bodies.map(|body| request(body, token)).collect()
    }

    /// Most that a gateway may hold in memory while it swaps: twice the file and 300 MB, where the
    /// files are of one size.
    pub fn memory_bytes_max(&self) -> u64 {
        const MORE_BYTES: u64 = 300_000_000;
        let files: u64 = self.snapshots.iter().map(|one| one.bytes).sum();
        files + MORE_BYTES
    }
}

impl Place {
    /// Folder of the gateway: configuration, log, journal.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folder of its snapshots.
    pub fn snapshot_dir(&self) -> &Path {
        &self.snapshot_dir
    }

    /// Removes it.
    pub fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.folder).with_context(|| self.folder.display().to_string())
    }
}
