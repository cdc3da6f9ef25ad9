use super::*;

#[test]
fn f07_f08_addresses_are_refused_when_they_are_loaded() {
    type Expected = fn(&UrlError) -> bool;
    let cases: [(&str, Expected); 36] = [
        ("ext::sh -c id", |e| matches!(e, UrlError::Characters)),
        ("ext::id", |e| matches!(e, UrlError::Scheme(_))),
        ("fd::17", |e| matches!(e, UrlError::Scheme(_))),
        ("-uid", |e| matches!(e, UrlError::Option)),
        ("--upload-pack=id", |e| matches!(e, UrlError::Option)),
        ("https://h.example/a\r\nX: y", |e| matches!(e, UrlError::Characters)),
        ("", |e| matches!(e, UrlError::Characters)),
        ("git://h.example/a", |e| matches!(e, UrlError::Scheme(_))),
        ("HTTPS+ext://h.example/a", |e| matches!(e, UrlError::Scheme(_))),
        ("file:///srv/a.git", |e| matches!(e, UrlError::Local)),
        ("/srv/a.git", |e| matches!(e, UrlError::Local)),
        ("ssh://-oProxyCommand=id/a", |e| matches!(e, UrlError::SshPart("host"))),
        ("ssh://-l@h.example/a", |e| matches!(e, UrlError::SshPart("user"))),
        ("git@-oProxyCommand=id:a", |e| matches!(e, UrlError::SshPart("host"))),
        ("git@h.example:-a", |e| matches!(e, UrlError::SshPart("path"))),
        ("git@h.example:", |e| matches!(e, UrlError::SshPart("path"))),
        ("ssh://h.example/", |e| matches!(e, UrlError::SshPart("path"))),
        ("ssh://h.example/a'$(id)'", |e| matches!(e, UrlError::SshPart("path"))),
        ("ssh://h.example/a%0ab", |e| matches!(e, UrlError::SshPart("path"))),
        ("ssh://git:canary@h.example/a", |e| matches!(e, UrlError::Credentials)),
        ("ssh://h.example:70000/a", |e| matches!(e, UrlError::Malformed(_))),
        ("ssh://h.example", |e| matches!(e, UrlError::Malformed(_))),
        ("ssh://git@169.254.169.254/a", |e| matches!(e, UrlError::MachineHost(_))),
        ("ssh://git@[::1]/a", |e| matches!(e, UrlError::MachineHost(_))),
        ("git@LOCALHOST:a", |e| matches!(e, UrlError::MachineHost(_))),
        ("http://h.example/a", |e| matches!(e, UrlError::PlainHttp)),
        ("https://user:canary@h.example/a", |e| matches!(e, UrlError::Credentials)),
        ("https://canary@h.example/a", |e| matches!(e, UrlError::Credentials)),
        ("https://h.example/a?token=canary", |e| matches!(e, UrlError::Malformed(_))),
        ("https://169.254.169.254/a", |e| matches!(e, UrlError::MachineHost(_))),
        ("https://localhost/a", |e| matches!(e, UrlError::MachineHost(_))),
        ("https://LOCALHOST./a", |e| matches!(e, UrlError::MachineHost(_))),
        ("https://2130706433/a", |e| matches!(e, UrlError::MachineHost(_))),
        ("https://0x7f.1/a", |e| matches!(e, UrlError::MachineHost(_))),
        ("https://[::1]/a", |e| matches!(e, UrlError::MachineHost(_))),
        ("https://[::ffff:169.254.169.254]/a", |e| matches!(e, UrlError::MachineHost(_))),
    ];
    for (text, expected) in cases {
        let error = RepositoryUrl::parse(text, UrlPolicy::default()).unwrap_err();
        assert!(expected(&error), "{text}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[test]
fn allowed_addresses_are_taken() {
    let all = UrlPolicy { local_paths: true, machine_hosts: true, plain_http: true };
    let cases = [
        ("https://h.example/shop/fleet.git", UrlPolicy::default(), "https://h.example/shop/fleet.git"),
        ("https://h.example:8443/fleet/", UrlPolicy::default(), "https://h.example:8443/fleet"),
        ("https://10.0.0.7/fleet", UrlPolicy::default(), "https://10.0.0.7/fleet"),
        ("ssh://git@h.example/shop/fleet.git", UrlPolicy::default(), "ssh://git@h.example/shop/fleet.git"),
        ("ssh://h.example:2222/fleet/", UrlPolicy::default(), "ssh://h.example:2222/fleet"),
        ("ssh://git@h.example/~ada/fleet", UrlPolicy::default(), "ssh://git@h.example/~ada/fleet"),
        ("ssh://git@[2001:db8::1]:22/fleet", UrlPolicy::default(), "ssh://git@[2001:db8::1]/fleet"),
        ("ssh://127.0.0.1/fleet", all, "ssh://127.0.0.1/fleet"),
        ("http://127.0.0.1:80/fleet", all, "http://127.0.0.1/fleet"),
        ("file:///srv/fleet.git", all, "/srv/fleet.git"),
        ("file://localhost/srv/fleet.git", all, "/srv/fleet.git"),
        ("../fleet.git", all, "../fleet.git"),
    ];
    for (text, policy, shown) in cases {
        assert_eq!(RepositoryUrl::parse(text, policy).unwrap().to_string(), shown);
    }
}

#[test]
fn credentials_come_as_token_or_as_pair_and_never_show() {
    for good in ["token=canary", "username=u\ntoken=canary\n", "username=u\r\npassword=canary=\r\n"] {
        let read = Credentials::parse(good).unwrap();
        assert!(!format!("{read:?} {:?}", read.header()).contains("canary"));
        assert!(read.header().is_sensitive());
    }
    for bad in ["", "canary", "username=u", "password=canary", "token=canary\npassword=canary"] {
        let error = Credentials::parse(bad).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    let token = Credentials::parse("token=t").unwrap();
    assert_eq!(token.header().to_str().unwrap(), "Basic eC1hY2Nlc3MtdG9rZW46dA==");
}

#[tokio::test]
async fn f08_a_name_that_leads_to_this_machine_is_not_resolved() {
    use reqwest::dns::Resolve as _;
    let resolver = super::super::http::OtherMachines;
    let error = resolver.resolve("localhost".parse().unwrap()).await.err().unwrap();
    assert!(error.to_string().contains("this machine"), "{error}");
}
