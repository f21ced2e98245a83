//! Commands of keys and signatures: what they write, say and refuse.

use crate::harness::{hecha, run};
use crate::trusted::{ALL, Trusted};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

#[track_caller]
fn refused(command: &mut Command, said: &str) {
    let (code, output) = run(command);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code, 2, "{text}");
    assert!(text.contains(said), "`{said}` in {text}");
}

fn sign(file: &Path, key: &Path, role: &str) -> Command {
    let mut command = hecha();
    command.arg("sign").arg(file).args(["--role", role]);
    command.arg("--key").arg(key);
    command
}

#[test]
fn a_signed_file_is_inspected_and_published_with_its_signatures() {
    let trusted = Trusted::new();
    trusted.put("a.hecha", &ALL[..2], |_| ());
    let file = trusted.file("a.hecha");
    let inspect = |keys: &[&str]| {
        let mut command = hecha();
        command.args(["inspect", "--json"]).arg(&file);
        for key in keys {
            command.arg("--trust").arg(trusted.public_key(key));
        }
        let (code, output) = run(&mut command);
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        (code, read["signatures"].clone())
    };
    let (code, signatures) = inspect(&["builder"]);
    assert_eq!(code, 0);
    assert_eq!(signatures[0]["role"], "builder");
    assert_eq!(signatures[0]["verifies"], true);
    assert_eq!(signatures[1]["verifies"], Value::Null);
    let publish = |keys: &[&str]| {
        let mut command = hecha();
        command.arg("publish").arg(&file).arg("--to");
        command.arg(trusted.installation.path("elsewhere"));
        for key in keys {
            command.arg("--trust").arg(trusted.public_key(key));
        }
        command
    };
    refused(&mut publish(&["builder", "bert"]), "has not signed");
    assert!(!trusted.installation.path("elsewhere").exists());
    let (code, output) = run(&mut publish(&["builder", "anna"]));
    assert_eq!(code, 0, "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("2 signatures"), "{said}");
    // A changed signature: inspect says so, publish refuses.
    let path = trusted.file("a.hecha.sig");
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = text.replace("\"version\": 1", "\"version\": 2");
    assert_ne!(text, changed);
    std::fs::write(&path, changed).unwrap();
    assert_eq!(inspect(&["builder"]).0, 2);
    refused(&mut publish(&[]), "signs something else");
    refused(
        &mut sign(&file, &trusted.key("bert"), "activator"),
        "signs something else",
    );
}

#[test]
fn wrong_keys_and_files_are_refused_with_what_to_do() {
    let trusted = Trusted::new();
    let snapshot = trusted.put("a.hecha", &[], |_| ());
    let file = trusted.file("a.hecha");
    let anna = trusted.key("anna");
    refused(
        &mut sign(&file, &anna, "owner"),
        "neither builder nor activator",
    );
    let master = trusted.installation.path("snapshot.key");
    refused(&mut sign(&file, &master, "builder"), "no signing key");
    let public = trusted.public_key("anna");
    refused(&mut sign(&file, &public, "builder"), "chmod 600");
    refused(&mut sign(&anna, &anna, "builder"), "anna.key");
    std::fs::write(&file, &snapshot.bytes()[1..]).unwrap();
    refused(&mut sign(&file, &anna, "builder"), "a.hecha");
    assert!(!trusted.file("a.hecha.sig").exists());
    refused(
        hecha().args(["key", "new", "--signing"]).arg(&anna),
        "exists already",
    );
    let (code, output) = run(hecha().args(["key", "show"]).arg(&anna));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code, 0);
    assert!(said.contains("hecha-public-key-1"), "{said}");
    // An order that goes nowhere, and one over another.
    let order = |from: &str, to: &str, reason: &str| {
        let mut command = hecha();
        command.args(["sign", "--environment", "test", "--reason", reason]);
        command.args(["--from", from, "--rollback-to", to, "--key"]);
        command.arg(&anna).arg("--out");
        command.arg(trusted.installation.path("order.json"));
        command
    };
    refused(&mut order("7", "7", "a"), "is not lower than `from`");
    refused(&mut order("7", "6", " "), "`reason` must be one line");
    assert_eq!(run(&mut order("7", "6", "a")).0, 0);
    refused(&mut order("8", "6", "a"), "orders something else");
}

#[test]
fn a_gateway_with_wrong_keys_does_not_start() {
    let mut trusted = Trusted::new();
    let mut starts = |config: &str, said: &str| {
        trusted.installation.more_config = config.to_owned();
        let path = trusted.installation.config();
        refused(hecha().arg("serve").arg("--config").arg(path), said);
    };
    starts(
        "require_signatures = true\n",
        "signatures are required, but",
    );
    starts(
        "builder_keys = [\"anna.key.pub\"]\nactivator_keys = [\"anna.key.pub\"]\n",
        "whoever builds does not activate",
    );
    starts(
        "builder_keys = [\"builder.key.pub\"]\nactivator_keys = [\"anna.key\"]\n",
        "no public key",
    );
    starts(
        "builder_keys = [\"absent.pub\"]\nactivator_keys = [\"anna.key.pub\"]\n",
        "cannot read the key file",
    );
}

#[test]
fn a_build_signs_as_builder_and_ends_when_it_is_told() {
    let trusted = Trusted::new();
    let list = trusted.installation.path("list.ndjson");
    let record = crate::harness::first_list().remove(0);
    std::fs::write(&list, format!("{record}\n")).unwrap();
    let build = |expires: &str| {
        let mut command = hecha();
        command
            .arg("build")
            .arg(&list)
            .arg("--out")
            .arg(trusted.file("b.hecha"));
        command
            .arg("--key")
            .arg(trusted.installation.path("snapshot.key"));
        command.arg("--sign").arg(trusted.key("builder"));
        command.args(["--environment", "test", "--expires", expires]);
        command
    };
    for wrong in ["0", "2020-01-01T00:00:00+08:00", "soon"] {
        refused(&mut build(wrong), "--expires");
        assert!(!trusted.file("b.hecha").exists());
    }
    // Built twice: the signature of the first is replaced.
    for _ in 0..2 {
        let (code, output) = run(&mut build("7"));
        assert_eq!(code, 0, "{output:?}");
    }
    let mut inspect = hecha();
    inspect
        .args(["inspect", "--json"])
        .arg(trusted.file("b.hecha"));
    inspect.arg("--trust").arg(trusted.public_key("builder"));
    let (code, output) = run(&mut inspect);
    assert_eq!(code, 0, "{output:?}");
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["signatures"][0]["verifies"], true);
    assert!(read["manifest"]["expires"].is_string());
}
