/// The name of an HTTP header as App Services shows it to rules and functions: `content-type` becomes `Content-Type`.
#[must_use]
pub fn header_name(name: &str) -> String {
    let mut begins = true;
    let letter = |letter: char| {
        let letter = if begins { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        begins = letter == '-';
        letter
    };
    name.chars().map(letter).collect()
}
