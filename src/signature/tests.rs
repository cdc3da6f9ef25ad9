use super::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE1OwE4ezXEsQ1ewPgKhGlIqA4Ohe8q3oMcRlnSwF5ZK ada";

fn commit(signature: Option<&str>) -> SignedCommit {
    let signature = signature.map(|text| text.as_bytes().to_vec());
    SignedCommit { signature, payload: b"tree".to_vec(), time: Timestamp::UNIX_EPOCH }
}

#[test]
fn keys_are_read_with_their_options_and_nothing_else() {
    let option = |name: &str| KeyError::Option(name.to_owned());
    let cases: Vec<(String, Result<(), KeyError>)> = vec![
        (KEY.to_owned(), Ok(())),
        (format!("  {KEY}\n"), Ok(())),
        (format!("valid-before=\"20270101\" {KEY}"), Ok(())),
        (format!("valid-after=\"202601010000Z\",valid-before=20270101000000 {KEY}"), Ok(())),
        (format!("namespaces=\"file,git\" {KEY}"), Ok(())),
        (format!("namespaces=\"file\" {KEY}"), Err(option("namespaces"))),
        (format!("cert-authority {KEY}"), Err(option("cert-authority"))),
        (format!("valid-before=\"soon\" {KEY}"), Err(KeyError::Date("soon".to_owned()))),
        (format!("valid-before=\"20271301\" {KEY}"), Err(KeyError::Date("20271301".to_owned()))),
        ("ssh-ed25519 AAAA".to_owned(), Err(KeyError::Form)),
        ("canary".to_owned(), Err(KeyError::Form)),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----".to_owned(), Err(KeyError::OpenPgp)),
        (String::new(), Err(KeyError::Form)),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\ncanary".to_owned(), Err(KeyError::Private)),
    ];
    for (text, expected) in cases {
        let found = Signers::default().add("ada", &text);
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_file_of_allowed_signers_is_read_as_ssh_keygen_does() {
    let signers =
        Signers::parse_file(&format!("# people\n\nada@acme.example valid-before=\"20270101\" {KEY}\n"));
    assert_eq!(signers.unwrap().0.len(), 1);
    let wrong = Signers::parse_file(&format!("ada {KEY}\ngrace"));
    assert_eq!(wrong, Err((2, KeyError::Form)));
}

#[test]
fn what_is_no_signature_does_not_count() {
    let mut signers = Signers::default();
    signers.add("ada", KEY).unwrap();
    let garbage = "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----";
    let cases = [
        (None, SignatureFault::Unsigned),
        (Some(garbage), SignatureFault::Unreadable),
        (Some("-----BEGIN PGP SIGNATURE-----"), SignatureFault::OpenPgp),
        (Some("signed, Ada"), SignatureFault::Unreadable),
        (Some(""), SignatureFault::Unreadable),
    ];
    for (signature, expected) in cases {
        assert_eq!(verify(&signers, &commit(signature), Timestamp::UNIX_EPOCH), Err(expected));
    }
}
