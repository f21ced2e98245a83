//! Where clients come from while the gateway runs: the file, noticed when it changes.
//!
//! In: the clients file, the catalogue that serves, the moment. Out: clients as the gateway uses
//! them: few tokens each, and roles that ask for a second factor only where a unit brings both.
//! Says by name which units are about to lose their last token; knows no view.

use super::client_record;
use super::clients::{Clients, ClientsError};
use super::kept::{Kept, KeptError};
use crate::catalogue::measure::Catalogue;
use crate::limits::table::Limits;
use crate::model::term::{Day, Moment};
use crate::storage::disk::Storage;
use crate::storage::stamp::Stamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A changed file is read once it has stayed the same for so long: an editor that empties a file
/// before it writes it would lock everybody out in between.
const SETTLED_AFTER: Duration = Duration::from_millis(100);

/// What clients are read by.
#[derive(Clone)]
pub struct ClientsOptions {
    /// The clients file.
    pub path: PathBuf,
    /// Whether stewards and admins must bring a token and a certificate.
    pub second_factor: bool,
    /// Where units have their limits from.
    pub limits: Arc<Limits>,
    /// Where records are kept before they serve.
    pub kept: Kept,
}

/// Why clients cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ClientsReadError {
    /// The file, or a record in it.
    #[error(transparent)]
    Clients(#[from] ClientsError),
    /// They cannot be kept.
    #[error(transparent)]
    Kept(#[from] KeptError),
}

/// The clients file of a running gateway.
pub struct ClientsSource {
    options: ClientsOptions,
    storage: Arc<dyn Storage>,
    /// The file as it was when last read.
    seen: Stamp,
    /// Another file, and since when it is the same.
    settling: Option<(Stamp, Instant)>,
    /// The day of which it has been said whose tokens end soon.
    warned: Option<Day>,
}

impl ClientsSource {
    /// The file as it is now, to be read after this.
    pub fn new(options: ClientsOptions, storage: Arc<dyn Storage>) -> Self {
        Self {
            seen: Stamp::of(&options.path),
            settling: None,
            warned: None,
            options,
            storage,
        }
    }

    /// Whether the file is another one than when last read, and whole.
    pub fn is_changed(&mut self) -> bool {
        let stamp = Stamp::of(&self.options.path);
        if stamp == self.seen {
            self.settling = None;
            return false;
        }
        match self.settling {
            Some((same, since)) if same == stamp => since.elapsed() >= SETTLED_AFTER,
            _ => {
                self.settling = Some((stamp, Instant::now()));
                false
            }
        }
    }

    /// Whether the file has changed and is soon to be looked at again.
    pub fn is_settling(&self) -> bool {
        self.settling.is_some()
    }

    /// Notes that the file is read now, by whomever.
    pub fn note(&mut self) {
        self.seen = Stamp::of(&self.options.path);
        self.settling = None;
        self.warned = None;
    }

    /// Reads the file. Errors: it is not tried again until it changes.
    pub fn read(
        &mut self,
        catalogue: &Catalogue,
        now: Moment,
    ) -> Result<Clients, ClientsReadError> {
        self.note();
        read(&self.options, &*self.storage, catalogue, now)
    }

    /// Says once a day, and after each reading, which units are about to lose their last token.
    pub fn warn(&mut self, clients: &Clients, now: Moment) {
        if self.warned == Some(now.day()) {
            return;
        }
        self.warned = Some(now.day());
        for (client, end) in clients.expiring(now) {
            let unit = &client.unit;
            tracing::warn!(
                %unit, %end,
                "the unit's last token ends soon; `hecha client rotate` gives it another"
            );
        }
    }
}

/// Reads the clients of a gateway; what is read is kept before it serves.
pub fn read(
    options: &ClientsOptions,
    storage: &dyn Storage,
    catalogue: &Catalogue,
    now: Moment,
) -> Result<Clients, ClientsReadError> {
    let path = &options.path;
    let records = client_record::read(path).map_err(ClientsError::File)?;
    let mut clients = Clients::from_records(path, records.clone(), catalogue)?;
    clients.has_few_tokens(path, now)?;
    let records = records.iter().map(|placed| &placed.record);
    options.kept.keep(storage, catalogue, records)?;
    if options.second_factor {
        for unit in clients.ask_second_factor() {
            tracing::warn!(
                %unit,
                "roles steward and admin ask for a token and a certificate, the record names one \
                 of the two: these roles are not honoured"
            );
        }
    }
    clients.limit(&options.limits, now);
    Ok(clients)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::load;
    use crate::limits::table::LimitOptions;
    use crate::seal::entropy::SeededEntropy;
    use crate::storage::disk::RealDisk;
    use std::fs;

    #[test]
    fn a_changed_file_is_read_when_it_has_settled_and_a_bad_one_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clients.toml");
        fs::write(&path, "").unwrap();
        let options = ClientsOptions {
            path: path.clone(),
            second_factor: false,
            limits: Arc::new(Limits::new(LimitOptions::default(), &SeededEntropy::new(1))),
            kept: Kept::new(&folder.path().join("kept")),
        };
        let mut source = ClientsSource::new(options, Arc::new(RealDisk));
        assert!(!source.is_changed() && !source.is_settling());
        let settles = |source: &mut ClientsSource| {
            assert!(!source.is_changed(), "not at the first look");
            assert!(source.is_settling());
            while !source.is_changed() {
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        fs::write(&path, "nonsense").unwrap();
        settles(&mut source);
        let catalogue = load::built_in().unwrap();
        assert!(source.read(&catalogue, Moment(0)).is_err());
        assert!(!source.is_changed() && !source.is_settling());
        fs::write(&path, "# nobody").unwrap();
        settles(&mut source);
        let clients = source.read(&catalogue, Moment(0)).unwrap();
        assert_eq!(clients.iter().count(), 0);
        assert!(!source.is_changed());
    }
}
