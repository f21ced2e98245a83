//! Keys: where they come from, what is refused, and that a dying gateway leaves no memory behind.

use crate::harness::{Installation, Server, files_below, hecha, run, ticket};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A folder as systemd makes it, with both keys.
fn credentials(installation: &Installation, mode: u32) -> std::path::PathBuf {
    let folder = installation.path("credentials");
    fs::create_dir_all(&folder).unwrap();
    for key in ["snapshot.key", "log.key"] {
        let file = folder.join(key);
        let _ = fs::remove_file(&file);
        fs::copy(installation.path(key), &file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    }
    folder
}

fn with_credentials(installation: &Installation) -> Command {
    let config = installation.config();
    let text = fs::read_to_string(&config).unwrap();
    let text = text.replace("\"snapshot.key\"", "\"credential:snapshot.key\"");
    fs::write(
        &config,
        text.replace("\"log.key\"", "\"credential:log.key\""),
    )
    .unwrap();
    let mut command = hecha();
    command.arg("serve").arg("--config").arg(config);
    command
}

#[track_caller]
fn refused(command: &mut Command, said: &str) -> String {
    let (code, output) = run(command);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code, 2, "{error}");
    assert!(error.contains(said), "{said:?} in {error:?}");
    error
}

#[test]
fn keys_come_as_credentials_of_systemd() {
    let installation = Installation::new();
    for mode in [0o400, 0o440] {
        let folder = credentials(&installation, mode);
        let mut command = with_credentials(&installation);
        let server = Server::start(command.env("CREDENTIALS_DIRECTORY", &folder));
        let answer = server.ask(&installation.token, &ticket());
        assert_eq!(answer.json()["decision"], "block");
        assert!(server.stop().success());
    }
    refused(
        &mut with_credentials(&installation),
        "the variable CREDENTIALS_DIRECTORY is not set",
    );
    let folder = credentials(&installation, 0o444);
    let mut command = with_credentials(&installation);
    refused(
        command.env("CREDENTIALS_DIRECTORY", &folder),
        "has mode 0444",
    );
    let mut command = with_credentials(&installation);
    refused(
        command.env("CREDENTIALS_DIRECTORY", "/nowhere"),
        "/nowhere/",
    );
}

#[test]
fn two_keys_are_two_secrets() {
    let installation = Installation::new();
    let config = installation.config();
    fs::copy(
        installation.path("snapshot.key"),
        installation.path("log.key"),
    )
    .unwrap();
    refused(
        hecha().arg("serve").arg("--config").arg(config),
        "`snapshot_key_file` and `log_key_file` hold the same secret",
    );
}

#[test]
fn a_key_in_an_argument_is_refused_and_not_repeated() {
    let installation = Installation::new();
    let line = fs::read_to_string(installation.path("snapshot.key")).unwrap();
    let line = line.trim();
    let digits = line.rsplit(' ').next().unwrap();
    let list = installation.path("list.ndjson");
    fs::write(&list, "").unwrap();
    for text in [line, digits] {
        for arguments in [
            vec![
                "build",
                list.to_str().unwrap(),
                "--out",
                "/nowhere/x",
                "--key",
                text,
            ],
            vec!["key", "show", text],
            vec!["key", "new", text],
            vec!["log", "recall", "fz-1", "--log", "/tmp", "--key", text],
        ] {
            let said = refused(hecha().args(&arguments), "the text of a key was given");
            assert!(!said.contains(&digits[..16]), "{said}");
        }
    }
    let files = files_below(&installation.path(""));
    assert!(files.iter().all(|file| !file.ends_with(digits)));
}

/// The gateway of this configuration in a shell that allows dumps of any size in its folder.
fn dumping(installation: &Installation) -> (Server, u32) {
    let config = installation.config();
    let mut command = Command::new("/bin/sh");
    command.env_clear().env("PATH", "/usr/bin:/bin").args([
        "-c",
        "ulimit -c unlimited; cd \"$1\"; exec \"$2\" serve --config \"$3\"",
        "sh",
    ]);
    command
        .arg(installation.path(""))
        .arg(env!("CARGO_BIN_EXE_hecha"))
        .arg(config);
    let server = Server::start(&mut command);
    let pid = server.pid();
    (server, pid)
}

/// The limit of dumps that counts for a process, in bytes; `None` for no limit.
fn core_limit(pid: u32) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let soft = line.unwrap().split_whitespace().nth(4).unwrap();
    soft.parse().ok()
}

#[test]
fn a_dying_gateway_leaves_no_memory_behind() {
    let installation = Installation::new();
    let (mut server, pid) = dumping(&installation);
    assert_eq!(core_limit(pid), Some(0));
    assert_eq!(server.ask(&installation.token, &ticket()).status, 200);
    let before = files_below(&installation.path("")).len();
    server.signal("ABRT");
    assert!(!server.wait().success());
    let is_dump = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("core")
    };
    let files = files_below(&installation.path(""));
    assert!(
        !files.iter().any(is_dump) && files.len() <= before + 1,
        "{files:?}"
    );
    assert!(!Path::new("core").exists());
}

#[test]
fn core_dumps_are_allowed_by_a_switch_that_warns() {
    let mut installation = Installation::new();
    installation.more_config = "core_dumps = true\n".to_owned();
    let said = installation.path("said");
    let config = installation.config();
    let mut command = Command::new("/bin/sh");
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command.args([
        "-c",
        "ulimit -c 4096; exec \"$1\" serve --config \"$2\"",
        "sh",
    ]);
    command.arg(env!("CARGO_BIN_EXE_hecha")).arg(config);
    let server = Server::start_saying(&mut command, fs::File::create(&said).unwrap().into());
    assert!(core_limit(server.pid()) != Some(0));
    assert!(server.stop().success());
    assert!(
        fs::read_to_string(&said)
            .unwrap()
            .contains("`core_dumps` is true")
    );
}
