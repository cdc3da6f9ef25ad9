//! "Did you mean": the known word nearest to one that is not known.

/// The candidate nearest to `word`, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long texts are no misspelt words, and the distance costs the product of the lengths.
    if word.len() > 64 {
        return None;
    }
    let plain = plain(word);
    candidates
        .into_iter()
        .map(|candidate| {
            let other = self::plain(candidate);
            (strsim::damerau_levenshtein(&plain, &other), other.len(), candidate)
        })
        .filter(|(distance, length, _)| *distance <= (plain.len().max(*length) / 3).max(1).min(*length / 2))
        .min_by_key(|(distance, _, candidate)| (*distance, *candidate))
        .map(|(_, _, candidate)| candidate)
}

/// A word without what people vary: case, `-` and `_`.
fn plain(word: &str) -> String {
    word.chars().filter(|letter| !matches!(letter, '-' | '_')).flat_map(char::to_lowercase).collect()
}
