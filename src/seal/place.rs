//! Where the file of a key stands: the path as written, or a credential that systemd hands over.
//!
//! In: a path as written in the configuration or on the command line. Out: the path to open.
//! `credential:NAME` is `$CREDENTIALS_DIRECTORY/NAME` (`LoadCredential=` of the unit). The
//! configuration puts relative paths below its own folder, so only the last part is looked at. Of
//! the environment nothing but this folder is read; a key given as text is refused, not repeated.

use std::borrow::Cow;
use std::env;
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// How a credential's path begins.
const CREDENTIAL: &str = "credential:";

/// Variable that names the folder of credentials; set by systemd.
const FOLDER_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// First words of the files of secret keys.
const HEADS: [&str; 2] = ["hecha-key-", "hecha-signing-key-"];

/// Permission bits of the group and of others.
const MODE_OTHERS: u32 = 0o077;
/// Permission bit that lets the group read.
const MODE_GROUP_READ: u32 = 0o040;

/// Digits of a key.
const KEY_DIGITS: usize = 64;

/// Why there is no key where the path leads. Never holds a part of a key.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A credential of systemd where none can be found or made.
    #[error("`{credential}`: {problem}")]
    Credential {
        /// As written.
        credential: String,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// The key itself stands where its path should. Never repeated: it may be a good one.
    #[error(
        "the text of a key was given where the path of its file is wanted; arguments and \
         configuration are seen by others: make another key with `hecha key new FILE` and name FILE"
    )]
    AsText,
}

/// Permission bits of an open file for the question who can reach it. Systemd gives a credential to
/// the service's user, or to root and the service's group: there the group's reading is left out.
pub fn mode_of(path: &Path, file: &Metadata) -> u32 {
    let mode = file.permissions().mode() & 0o7777;
    let is_group_alone = mode & MODE_OTHERS == MODE_GROUP_READ;
    match is_group_alone && file.uid() == 0 && name_of(path).is_some() {
        true => mode & !MODE_GROUP_READ,
        false => mode,
    }
}

/// The file to open.
///
/// Errors: a credential without its folder or with a name that is none; a key as text.
pub fn find(path: &Path) -> Result<Cow<'_, Path>, PlaceError> {
    match name_of(path) {
        Some(name) => in_folder(name, env::var_os(FOLDER_VARIABLE).map(PathBuf::from)),
        None if is_key_text(path) && !path.exists() => Err(PlaceError::AsText),
        None => Ok(Cow::Borrowed(path)),
    }
}

/// Errors: a path at which no key file can be made.
pub(super) fn can_be_made(path: &Path) -> Result<(), PlaceError> {
    match name_of(path) {
        Some(name) => Err(fault(
            name,
            "credentials are made by systemd; make the key in a file that `LoadCredential=` names",
        )),
        None if is_key_text(path) => Err(PlaceError::AsText),
        None => Ok(()),
    }
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.strip_prefix(CREDENTIAL)
}

fn in_folder(name: &str, folder: Option<PathBuf>) -> Result<Cow<'static, Path>, PlaceError> {
    if name.is_empty() || name == "." || name == ".." {
        return Err(fault(
            name,
            "write the name of a credential behind the colon",
        ));
    }
    let absent = "the variable CREDENTIALS_DIRECTORY is not set: systemd sets it for a unit with \
                  `LoadCredential=NAME:FILE`; elsewhere name the file of the key itself";
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.ok_or_else(|| fault(name, absent))?;
    Ok(Cow::Owned(folder.join(name)))
}

fn fault(name: &str, problem: &'static str) -> PlaceError {
    PlaceError::Credential {
        credential: format!("{CREDENTIAL}{name}"),
        problem,
    }
}

/// Whether somebody wrote the key itself: its file's line, or its digits alone.
fn is_key_text(path: &Path) -> bool {
    let Some(text) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    let text = text.trim();
    let digits = text.rsplit(' ').next().unwrap_or(text);
    let are_digits = digits.len() == KEY_DIGITS && digits.bytes().all(|c| c.is_ascii_hexdigit());
    are_digits || HEADS.iter().any(|head| text.starts_with(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_stands_in_the_folder_that_systemd_names() {
        let folder = || Some(PathBuf::from("/run/credentials/hecha.service"));
        let found = in_folder("log.key", folder()).unwrap();
        assert_eq!(*found, *Path::new("/run/credentials/hecha.service/log.key"));
        for path in ["credential:log.key", "/etc/hecha/credential:log.key"] {
            assert_eq!(name_of(Path::new(path)), Some("log.key"));
        }
        for path in ["log.key", "credential/log.key", "/credential:x/log.key"] {
            assert_eq!(name_of(Path::new(path)), None);
            assert_eq!(*find(Path::new(path)).unwrap(), *Path::new(path));
        }
    }

    #[test]
    fn a_credential_that_cannot_be_says_why() {
        for folder in [None, Some(PathBuf::new())] {
            let text = in_folder("log.key", folder).unwrap_err().to_string();
            assert!(text.starts_with("`credential:log.key`: the variable CREDENTIALS_DIRECTORY"));
        }
        for name in ["", ".", ".."] {
            let text = in_folder(name, Some(PathBuf::from("/run"))).unwrap_err();
            assert!(text.to_string().contains("write the name of a credential"));
        }
        let text = can_be_made(Path::new("credential:log.key")).unwrap_err();
        assert!(text.to_string().contains("credentials are made by systemd"));
    }

    #[test]
    fn a_key_as_text_is_refused_and_not_repeated() {
        let digits = "0b".repeat(32);
        for text in [
            digits.clone(),
            format!("hecha-key-1 {digits}"),
            format!("hecha-signing-key-1 {}", &digits[..20]),
            format!("/etc/hecha/{digits}"),
        ] {
            for found in [
                find(Path::new(&text)).map(drop),
                can_be_made(Path::new(&text)),
            ] {
                let said = found.unwrap_err();
                assert!(matches!(said, PlaceError::AsText), "{said}");
                assert!(!format!("{said} {said:?}").contains("0b0b"), "{said}");
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let named_so = folder.path().join(digits);
        std::fs::write(&named_so, "").unwrap();
        assert!(find(&named_so).is_ok());
    }
}
