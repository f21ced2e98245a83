//! Receipts of answers: verified from the file alone, refused after any change.

use crate::harness::{hecha, other_number, run, ticket, ticket_of, until};
use crate::http::Request;
use crate::witnessed::Witnessed;
use std::path::Path;

fn verify(world: &Witnessed, file: &Path, more: &[&str]) -> (i32, String) {
    let mut command = hecha();
    command.args(["log", "verify-receipt"]).arg(file);
    command
        .arg("--log-key")
        .arg(world.installation.path("log-sign.key.pub"));
    command.args(more);
    let (code, output) = run(&mut command);
    let said = [output.stdout, output.stderr].concat();
    (code, String::from_utf8(said).unwrap())
}

#[test]
fn a_receipt_of_a_block_or_a_clear_verifies_alone_and_no_byte_of_it_can_change() {
    let world = Witnessed::new();
    let server = world.installation.serve();
    let token = &world.installation.token;
    let block = server.ask(token, &ticket());
    let clear = server.ask(token, &ticket_of("王五", &other_number()));
    assert_eq!(
        (block.decision(), clear.decision()),
        ("block".into(), "clear".into())
    );
    world.wait_until_cosigned(&server);
    let path = |name: &str| world.installation.path(name);
    let witness = path("witness.key.pub").display().to_string();
    for (answer, name) in [(&block, "block"), (&clear, "clear")] {
        let (receipt, body) = (path(name), path("answer"));
        std::fs::write(&body, &answer.body).unwrap();
        let (code, output) = run(hecha()
            .args(["log", "receipt", &answer.check_id(), "--out"])
            .arg(&receipt)
            .arg("--log")
            .arg(world.log()));
        assert_eq!(code, 0, "{output:?}");
        let body = body.display().to_string();
        let (code, said) = verify(
            &world,
            &receipt,
            &["--witness-key", &witness, "--answer", &body],
        );
        assert_eq!(code, 0, "{said}");
        assert!(said.contains(&format!("was answered {name}")), "{said}");
        assert!(said.contains("byte for byte"), "{said}");
        std::fs::write(path("answer"), [&answer.body[..], b" "].concat()).unwrap();
        let (code, said) = verify(&world, &receipt, &["--answer", &body]);
        assert_eq!(code, 2, "{said}");
        let sound = std::fs::read(&receipt).unwrap();
        let (_, sound_said) = verify(&world, &receipt, &[]);
        // Some hundred places; white space may change, what is said may not.
        for place in (0..sound.len()).step_by(sound.len() / 100) {
            let mut bytes = sound.clone();
            bytes[place] ^= 1;
            std::fs::write(path("changed"), bytes).unwrap();
            let (code, said) = verify(&world, &path("changed"), &[]);
            assert!(code == 2 || said == sound_said, "{place}: {said}");
        }
    }
    let (code, said) = verify(
        &world,
        &path("clear"),
        &["--witness-key", "log-sign.key.pub"],
    );
    assert_eq!(code, 2, "{said}");
    assert!(server.stop().success());
}

#[test]
fn a_proof_from_one_kept_checkpoint_to_another_verifies_alone_and_no_byte_of_it_can_change() {
    let world = Witnessed::new();
    let server = world.installation.serve();
    let token = &world.installation.token;
    let path = |name: &str| world.installation.path(name);
    for name in ["old", "new", "newest"] {
        for _ in 0..5 {
            server.ask(token, &ticket());
        }
        world.wait_until_cosigned(&server);
        let kept = Request::get("/v1/log/checkpoint").token(token);
        std::fs::write(path(name), kept.send(server.ops).body).unwrap();
    }
    let verify = |proof: &str, kept: &str, more: &[&str]| {
        let mut command = hecha();
        command.args(["log", "verify-proof"]).arg(path(proof));
        command.arg("--checkpoint").arg(path(kept));
        command.arg("--log-key").arg(path("log-sign.key.pub"));
        let (code, output) = run(command.args(more));
        let said = [output.stdout, output.stderr].concat();
        (code, String::from_utf8(said).unwrap())
    };
    let prove = |name: &str, from: &str, more: &[&str]| {
        let mut command = hecha();
        command.args(["log", "proof"]).arg(world.log());
        command.arg("--from").arg(path(from));
        command.arg("--out").arg(path(name)).args(more);
        run(&mut command).0
    };
    let (new, witness) = (path("new"), path("witness.key.pub"));
    let (new, witness) = (new.to_str().unwrap(), witness.to_str().unwrap());
    assert_eq!(prove("between", "old", &["--to", new]), 0);
    assert_eq!(prove("present", "new", &[]), 0);
    let (code, said) = verify("between", "old", &[]);
    assert!(code == 0 && said.starts_with("proved: the first"), "{said}");
    // The one without a later checkpoint goes to the cosigned one.
    let (code, said) = verify("present", "new", &["--witness-key", witness]);
    assert!(code == 0 && said.contains("the witness signed"), "{said}");
    assert_eq!(verify("between", "old", &["--witness-key", witness]).0, 2);
    assert_eq!(verify("between", "new", &[]).0, 2);
    assert_eq!(prove("backwards", "newest", &["--to", new]), 1);
    assert!(!path("backwards").exists());
    let sound = std::fs::read(path("between")).unwrap();
    for place in (0..sound.len()).step_by(sound.len() / 40) {
        let mut bytes = sound.clone();
        bytes[place] ^= 1;
        std::fs::write(path("changed"), bytes).unwrap();
        let (code, said) = verify("changed", "old", &[]);
        assert_eq!(code, 2, "{place}: {said}");
    }
    assert!(server.stop().success());
}

#[test]
fn an_auditor_gets_the_same_bytes_over_http_and_his_reading_is_recorded() {
    let world = Witnessed::new();
    let server = world.installation.serve();
    let token = &world.installation.token;
    let checker = world.installation.client("a shop", |record| {
        record.roles = vec!["checker".to_owned()];
    });
    let check_id = server.ask(token, &ticket()).check_id();
    let path = format!("/v1/log/receipt/{check_id}");
    let get = |path: &str| Request::get(path).token(token).send(server.ops);
    world.wait_until_cosigned(&server);
    // Each reading is a record, so the checkpoint may have moved on between the two.
    until("both stand on one checkpoint", || {
        let answer = get(&path);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let (code, output) = run(hecha()
            .args(["log", "receipt", &check_id, "--log"])
            .arg(world.log()));
        assert_eq!(code, 0, "{output:?}");
        let file = world.installation.path("receipt");
        std::fs::write(&file, &answer.body).unwrap();
        let (code, said) = verify(&world, &file, &[]);
        assert_eq!(code, 0, "{said}");
        answer.body == output.stdout
    });
    let reads = world.installation.log(&[]).into_iter();
    let what = format!("receipt {check_id}");
    let reads = reads.filter(|record| record.to_string().contains(&what));
    assert!(reads.count() > 0, "the reading is recorded");
    for unknown in ["0192f0c1-0000-7abc-8def-001122334455", "none", "%2e%2e"] {
        let answer = get(&format!("/v1/log/receipt/{unknown}"));
        assert_eq!(answer.status, 404, "{}", answer.text());
    }
    let answer = Request::get(&path).token(&checker).send(server.ops);
    assert_eq!(answer.status, 403);
    assert_eq!(Request::get(&path).send(server.ops).status, 401);
    assert_eq!(
        Request::get(&path).token(token).send(server.checks).status,
        404
    );
    assert!(server.stop().success());
}
