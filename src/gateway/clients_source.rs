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
    /// The day of which it has been said whose tokens end soon.
    warned: Option<Day>,
}

impl ClientsSource {
    /// The file as it is now, to be read after this.
    pub fn new(options: ClientsOptions, storage: Arc<dyn Storage>) -> Self {
        Self {
            seen: Stamp::of(&options.path),
            warned: None,
            options,
            storage,
        }
    }

    /// Whether the file is another one than when last read.
    pub fn is_changed(&self) -> bool {
        self.seen != Stamp::of(&self.options.path)
    }

    /// Notes that the file is read now, by whomever.
    pub fn note(&mut self) {
        self.seen = Stamp::of(&self.options.path);
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
