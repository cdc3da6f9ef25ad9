//! Rust source with comments and the contents of strings blanked.
//!
//! Lines stay where they are. It knows as much of the grammar as that takes, and no more.

/// `text` with comments as spaces and what stands in strings as `_`, line by line the same.
pub(super) fn of(text: &str) -> String {
    let mut scanner = Scanner { rest: text, code: String::with_capacity(text.len()) };
    while !scanner.rest.is_empty() {
        scanner.next();
    }
    scanner.code
}

/// What is still to be read, and what came of the rest.
struct Scanner<'a> {
    rest: &'a str,
    code: String,
}

impl Scanner<'_> {
    fn next(&mut self) {
        if self.rest.starts_with("//") {
            self.blank(self.rest.find('\n').unwrap_or(self.rest.len()), ' ');
        } else if self.rest.starts_with("/*") {
            self.blank(block_comment(self.rest), ' ');
        } else if let Some((open, close)) = raw_string(self.rest) {
            self.string(open, &close, false);
        } else if self.rest.starts_with('"') {
            self.string(1, "\"", true);
        } else if let Some(length) = character(self.rest) {
            self.blank(length, '_');
        } else {
            // A whole word at once, so that the `r` of `for` opens no raw string.
            let word = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let first = self.rest.chars().next().map_or(0, char::len_utf8);
            self.keep(word.unwrap_or(self.rest.len()).max(first));
        }
    }

    fn keep(&mut self, length: usize) {
        self.code.push_str(&self.rest[..length]);
        self.rest = &self.rest[length..];
    }

    fn blank(&mut self, length: usize, with: char) {
        self.code.extend(self.rest[..length].chars().map(|c| if c == '\n' { c } else { with }));
        self.rest = &self.rest[length..];
    }

    fn string(&mut self, open: usize, close: &str, escapes: bool) {
        self.keep(open);
        let mut end = 0;
        while end < self.rest.len() && !self.rest[end..].starts_with(close) {
            let escaped = usize::from(escapes && self.rest[end..].starts_with('\\'));
            let skipped = self.rest[end..].chars().take(1 + escaped).map(char::len_utf8);
            end += skipped.sum::<usize>();
        }
        self.blank(end, '_');
        self.keep(close.len().min(self.rest.len()));
    }
}

/// The length of the block comment, which may hold others, that `text` begins with.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut end) = (0, 0);
    loop {
        if text[end..].starts_with("/*") {
            depth += 1;
            end += 2;
        } else if text[end..].starts_with("*/") {
            depth -= 1;
            end += 2;
        } else {
            match text[end..].chars().next() {
                Some(c) => end += c.len_utf8(),
                None => return end,
            }
        }
        if depth == 0 {
            return end;
        }
    }
}

/// If `text` begins with a raw string: the length of its opening, and its closing.
fn raw_string(text: &str) -> Option<(usize, String)> {
    let prefix = ["r", "br", "cr"]
        .into_iter()
        .find(|p| text.strip_prefix(p).is_some_and(|rest| rest.trim_start_matches('#').starts_with('"')))?;
    let hashes = text[prefix.len()..].find('"')?;
    Some((prefix.len() + hashes + 1, format!("\"{}", "#".repeat(hashes))))
}

/// The length of the character literal that `text` begins with; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    if let Some(escaped) = inner.strip_prefix('\\') {
        let first = escaped.chars().next()?.len_utf8();
        return Some(2 + first + escaped[first..].find('\'')? + 1);
    }
    let first = inner.chars().next()?.len_utf8();
    inner[first..].starts_with('\'').then_some(first + 2)
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(super::of(text), expected, "{text}");
    }

    #[test]
    fn comments_become_spaces() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */\n d */ e", "a             \n      e");
        check("a /* open", "a        ");
    }

    #[test]
    fn what_stands_in_strings_is_blanked() {
        check(r#"f("a\"b // c", "d")"#, r#"f("_________", "_")"#);
        check("r\"a\\\" b", "r\"__\" b");
        check("br##\"a\"#b\"## c", "br##\"____\"## c");
        check("\"a\nb\"", "\"_\n_\"");
        check("\"open", "\"____");
    }

    #[test]
    fn lifetimes_are_no_characters() {
        check("&'a str", "&'a str");
        check("['\"', '\\'', '\\u{1f}', 'é']", "[___, ____, ________, ___]");
    }

    #[test]
    fn an_r_at_the_end_of_a_word_opens_no_raw_string() {
        check("for\"a\"", "for\"_\"");
        check("r#type = 1", "r#type = 1");
    }
}
