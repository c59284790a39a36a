/// The candidate that was most probably meant by `word`; `None` if none is similar enough.
///
/// Case, `_`, `-`, `%` and `$` are ignored. Otherwise, up to a third of the letters may differ.
///
/// ```
/// use portcullis::text::closest;
/// assert_eq!(closest("applyWhen", ["name", "apply_when"]), Some("apply_when"));
/// assert_eq!(closest("xyz", ["name", "apply_when"]), None);
/// ```
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    // Such a long word is not a typo, and computing the distance takes quadratic time.
    if word.len() > 64 {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| {
            let letters = plain(candidate);
            (distance(&word, &letters), letters.len().max(word.len()), candidate)
        })
        .filter(|(distance, length, _)| distance * 3 <= *length)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(.., candidate)| candidate)
}

/// Whether two words differ at most in case, `_`, `-`, `%` and `$`.
pub(crate) fn is_same_word(a: &str, b: &str) -> bool {
    plain(a) == plain(b)
}

fn plain(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '_' | '-' | '%' | '$')).flat_map(char::to_lowercase).collect()
}

/// The optimal string alignment distance, which counts insertions, deletions, replacements, and swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if i > 0 && j > 0 && Some(x) == b.get(j - 1) && a.get(i - 1) == Some(y) {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}
