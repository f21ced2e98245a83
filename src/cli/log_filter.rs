//! Which records of a log a command means: the flags that `query` and `replay` share.

use crate::decision_log::query::Filter;
use crate::wire::records::{Wanted, WantedFault};
use clap::Args;

/// All that is given must hold.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// One answer, feedback on it, events that concern it
    #[arg(long, value_name = "ID")]
    pub check_id: Option<String>,
    /// Records of one unit
    #[arg(long)]
    unit: Option<String>,
    /// Not before this moment or day
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this moment, or to the end of this day
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Answers that relied on this entry, and acts on it
    #[arg(long, value_name = "ENTRY_ID")]
    entry: Option<String>,
}

/// A flag that says nothing.
#[derive(Debug, thiserror::Error)]
#[error("`--{}`: {}", .0.field.replace('_', "-"), .0.what)]
pub struct FlagError(#[from] WantedFault);

impl FilterArgs {
    /// What they mean.
    ///
    /// Errors: a check_id or moment that is none.
    pub fn filter(&self) -> Result<Filter, FlagError> {
        let wanted = Wanted {
            check_id: self.check_id.as_deref(),
            unit: self.unit.as_deref(),
            from: self.from.as_deref(),
            to: self.to.as_deref(),
            entry: self.entry.as_deref(),
        };
        Ok(wanted.filter()?)
    }
}
