//! The bar of commands that read a whole log.
//!
//! In: the folder of a log. Out: a bar over the bytes of its segments, hidden where nobody looks.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal};
use std::path::Path;

/// A bar over the bytes of all segments.
///
/// Errors: those of the file system.
pub fn begin(dir: &Path) -> io::Result<ProgressBar> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let mut bytes = 0;
    for file in std::fs::read_dir(dir)? {
        let file = file?;
        if file.path().extension().is_some_and(|end| end == "hlog") {
            bytes += file.metadata()?.len();
        }
    }
    let bar = ProgressBar::new(bytes);
    let style = "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    Ok(bar)
}
