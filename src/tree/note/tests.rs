//! Notes that are written read back; any other byte is refused.

use super::*;
use proptest::prelude::*;

const TIME: u64 = 1_795_000_000;

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint {
        origin: "hecha.log/0011223344556677/2026-11".to_owned(),
        size,
        root: [0xab; HASH_BYTES],
    }
}

fn log_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn witness_key() -> SigningKey {
    SigningKey::from_bytes(&[8; 32])
}

fn cosigned_note() -> SignedNote {
    let mut note = checkpoint(12).sign(&log_key());
    let cosignature = NoteSignature::cosign(note.text(), "court.example/w", &witness_key(), TIME);
    note.add(cosignature);
    note
}

#[test]
fn a_note_of_another_implementation_verifies() {
    // The example of the Go package golang.org/x/mod/sumdb/note, key "PeterNeumann+c74f20a3+...".
    let key = STANDARD
        .decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
        .unwrap();
    let digits = key[1..]
        .iter()
        .fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("neumann.pub");
    std::fs::write(&path, format!("hecha-public-key-1 {digits}\n")).unwrap();
    let key = PublicKey::load(&path).unwrap();
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n";
    let line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKv\
                qfqdngotpRZb6KE6RyyBwJnAM=";
    let note = SignedNote::parse(format!("{text}\n{line}\n").as_bytes()).unwrap();
    assert_eq!(note.text(), text);
    assert_eq!(note.signatures()[0].signs(text, &key), Ok(true));
    assert_eq!(note.to_string(), format!("{text}\n{line}\n"));
}

#[test]
fn what_is_signed_and_cosigned_reads_back() {
    let note = SignedNote::parse(cosigned_note().to_string().as_bytes()).unwrap();
    assert_eq!(note, cosigned_note());
    let keys = [witness_key().public(), log_key().public()];
    assert_eq!(note.checkpoint(&keys), Ok(checkpoint(12)));
    assert_eq!(note.cosigned_at(&witness_key().public()), Ok(Some(TIME)));
    assert_eq!(note.cosigned_at(&log_key().public()), Ok(None));
    assert_eq!(
        note.checkpoint(&keys[..1]),
        Err(NoteFault::UnknownKey {
            origin: checkpoint(1).origin
        })
    );
    let lines: Vec<String> = note.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines[..2], ["hecha.log/0011223344556677/2026-11", "12"]);
    assert_eq!(lines[2], STANDARD.encode([0xab; 32]));
    assert_eq!(lines[3], "");
    assert!(lines[4].starts_with("— hecha.log/0011223344556677/2026-11 "));
    assert!(lines[5].starts_with("— court.example/w "));
}

#[test]
fn a_signature_in_the_name_of_another_log_does_not_count() {
    let mut note = checkpoint(12).sign(&log_key());
    let other = Checkpoint {
        origin: "other".to_owned(),
        ..checkpoint(12)
    };
    let lent = other.sign(&log_key()).signatures()[0].clone();
    note.signatures = vec![lent];
    let refused = note.checkpoint(&[log_key().public()]);
    assert!(matches!(refused, Err(NoteFault::UnknownKey { .. })));
}

#[track_caller]
fn refused(note: &str, words: &str) {
    let fault = match SignedNote::parse(note.as_bytes()) {
        Ok(note) => note.checkpoint(&[log_key().public()]).unwrap_err(),
        Err(fault) => fault,
    };
    assert!(fault.to_string().contains(words), "{fault}");
}

#[test]
fn faults_say_what_is_wrong() {
    let note = checkpoint(12).sign(&log_key()).to_string();
    refused("", "no empty line");
    refused(note.trim_end(), "does not end with a line feed");
    refused(&note.replace("12\n", "12\r\n"), "control characters");
    refused(&note.replace("\n\n", "\n"), "no empty line");
    refused(&note.replace("— ", "- "), "signature line 1");
    refused(&note.replace("— hecha", "— +hecha"), "spaces or `+`");
    refused(&note.replace("12\n", "012\n"), "no size");
    refused(&note.replace("12\n", "+12\n"), "no size");
    refused(&note.replace("12\n", "18446744073709551616\n"), "no size");
    refused(&note.replace("12\n", "12\nAAAA\n"), "more than origin");
    refused(&note.replace("q6u", "q6"), "no SHA-256");
    refused(&note.replace("\n\n", "\nmore\n\n"), "more than origin");
    refused(&note.replace("12\n", "13\n"), "text was changed");
    refused(&note.replacen("hecha.log", "hecha log", 1), "no origin");
    refused(&format!("{}{note}", "x".repeat(NOTE_BYTES_MAX)), "64 KiB");
    let last = note.lines().last().unwrap();
    let many = format!("{note}{}", format!("{last}\n").repeat(SIGNATURES_MAX));
    refused(&many, "more than 64 signatures");
    let key = SigningKey::from_bytes(&[9; 32]);
    refused(
        &checkpoint(12).sign(&key).to_string(),
        "give the key of this log",
    );
}

#[test]
fn any_flipped_bit_of_a_note_is_refused() {
    let keys = [log_key().public()];
    let sound = cosigned_note().to_string().into_bytes();
    for place in 0..sound.len() {
        for bit in 0..8 {
            let mut bytes = sound.clone();
            bytes[place] ^= 1 << bit;
            let Ok(note) = SignedNote::parse(&bytes) else {
                continue;
            };
            let signed = note.checkpoint(&keys).is_ok();
            let cosigned = note.cosigned_at(&witness_key().public());
            let both = signed && cosigned == Ok(Some(TIME));
            assert!(!both, "byte {place} bit {bit}");
        }
    }
}

#[test]
fn proofs_read_back_line_by_line() {
    let proof = [[1; 32], [0xfe; 32]];
    let lines = proof_lines(&proof);
    let back: Vec<Hash> = lines
        .lines()
        .map(|line| proof_hash(line).unwrap())
        .collect();
    assert_eq!(back, proof);
    for line in [
        "",
        "AAAA",
        &"A".repeat(44),
        &"=".repeat(44),
        &"A".repeat(1 << 16),
    ] {
        assert_eq!(proof_hash(line), None, "{line}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes: Vec<u8>, text in "(\\PC|\n|— |=){0,200}") {
        let _ = SignedNote::parse(&bytes);
        if let Ok(note) = SignedNote::parse(text.as_bytes()) {
            prop_assert_eq!(&note.to_string(), &text);
        }
        let _ = Checkpoint::parse(&text);
    }

    #[test]
    fn checkpoints_read_back(size: u64, root: [u8; 32], origin in "[a-z0-9./-]{1,60}") {
        let checkpoint = Checkpoint { origin, size, root };
        let note = checkpoint.sign(&log_key());
        let note = SignedNote::parse(note.to_string().as_bytes()).unwrap();
        prop_assert_eq!(note.checkpoint(&[log_key().public()]), Ok(checkpoint));
    }
}
