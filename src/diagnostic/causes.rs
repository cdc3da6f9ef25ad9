//! An error in one line, for statuses, logs and records.

use std::error::Error;

/// An error with its causes, in one line. A cause whose words are there already is not repeated.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Told(&'static str, #[source] Option<Box<Told>>);

    #[test]
    fn every_cause_is_told_once() {
        let check = |words: &[&'static str], expected: &str| {
            let chain = words.iter().rev().fold(None, |cause, word| Some(Box::new(Told(word, cause))));
            assert_eq!(with_causes(&*chain.unwrap()), expected);
        };
        check(&["it failed"], "it failed");
        check(&["it failed", "no answer", "refused"], "it failed: no answer: refused");
        check(&["it failed: no answer", "no answer", "refused"], "it failed: no answer: refused");
    }
}
