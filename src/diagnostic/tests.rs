use proptest::prelude::*;

use super::*;

const SOURCE: &str = "kind: App\nspec:\n  replcias: 2\n  port: 80\n";

fn at(line: u32, column: u32) -> Place {
    Place { path: "tenants/acme/web.yaml".to_owned(), line, column }
}

fn unknown() -> Diagnostic {
    Diagnostic::error(Code::S0301, at(3, 3), "unknown field `replcias`").help("did you mean `replicas`?")
}

#[test]
fn a_drawing_shows_the_line_the_caret_and_the_help() {
    let expected = "\
error[S0301]: unknown field `replcias`
 --> tenants/acme/web.yaml:3:3
  |
3 |   replcias: 2
  |   ^^^^^^^^
  |
  = help: did you mean `replicas`?

";
    assert_eq!(draw(&[unknown(), unknown()], |_| Some(SOURCE), false), expected);
    assert!(draw(&[unknown()], |_| Some(SOURCE), true).contains("\u{1b}["));
}

#[test]
fn without_a_source_the_place_is_told() {
    let expected = "\
error[S0301]: unknown field `replcias`
 |
 = note: in `tenants/acme/web.yaml`, line 3, column 3
 = help: did you mean `replicas`?

";
    assert_eq!(draw(&[unknown()], |_| None, false), expected);
    let whole = Diagnostic::warning(Code::S0205, Place::file("a.yaml"), "x");
    assert!(draw(&[whole], |_| Some(SOURCE), false).contains("in `a.yaml`"));
}

#[test]
fn lines_are_sorted_and_each_said_once() {
    let other = Diagnostic::warning(Code::S0202, at(1, 0), "a\nb");
    assert_eq!(
        one_line_each(&[unknown(), other, unknown()]),
        "tenants/acme/web.yaml:1: warning[S0202]: a b\n\
         tenants/acme/web.yaml:3:3: error[S0301]: unknown field `replcias`; help: did you mean `replicas`?\n"
    );
    assert_eq!(Diagnostic::error(Code::S0205, Place::file("a"), "x").to_string(), "a: error[S0205]: x");
}

#[test]
fn json_has_the_fields_that_are_promised() {
    let expected = serde_json::json!({
        "path": "tenants/acme/web.yaml", "line": 3, "column": 3, "code": "S0301", "severity": "error",
        "message": "unknown field `replcias`", "help": "did you mean `replicas`?",
    });
    assert_eq!(serde_json::to_value(unknown()).unwrap(), expected);
    assert_eq!(serde_json::from_value::<Diagnostic>(expected).unwrap(), unknown());
}

#[test]
fn every_code_is_explained() {
    for code in Code::ALL {
        assert_eq!(code.as_str().parse::<Code>(), Ok(*code));
        let text = code.explain();
        assert!(text.starts_with(&format!("{code}: {}\n\n", code.title())), "{text}");
        assert!(code.explanation().ends_with(['.', '?']), "{code}");
    }
    assert!("S9999".parse::<Code>().is_err());
}

#[test]
fn what_users_wrote_is_fit_for_a_message() {
    assert_eq!(shorten("web"), "web");
    assert_eq!(shorten("a\nb"), "a\\nb");
    assert_eq!(shorten(&"x".repeat(61)), format!("{}…", "x".repeat(60)));
}

proptest! {
    #[test]
    fn no_source_makes_the_drawing_panic(source in any::<String>(), line in 0_u32..6, column in 0_u32..40) {
        let diagnostic = Diagnostic::error(Code::S0201, at(line, column), "x").help("y");
        prop_assert!(draw(&[diagnostic], |_| Some(&source), false).contains("error[S0201]: x"));
    }
}
