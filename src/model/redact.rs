//! Texts without what they tell of people, for logs that many may read.

use std::sync::LazyLock;

use regex::Regex;

/// What is taken out, and what stands in its place; in this order.
#[allow(clippy::expect_used)] // the patterns are constants, and a test uses each
static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        // `user RAVI77 (Ravi Kumar)`: the code stays, the name goes.
        (r"\b(user \S+) \([^()]*\)", "$1"),
        (r"[^\s<>'\x22,;:=(]+@[^\s<>'\x22,;:=)]+", "<e-mail>"),
        // A PAN: five letters, four digits, one letter.
        (r"(?i)\b[A-Z]{5}[0-9]{4}[A-Z]\b", "<id>"),
        // Phone, Aadhaar and account numbers: nine digits and more, perhaps with blanks or hyphens between.
        (r"\+?\b[0-9](?:[ -]?[0-9]){8,}\b", "<number>"),
    ]
    .into_iter()
    .map(|(pattern, word)| (Regex::new(pattern).expect("a constant pattern"), word))
    .collect()
});

/// Takes names behind users, e-mail addresses, identity numbers and long numbers out.
pub fn redact(text: &str) -> String {
    PATTERNS.iter().fold(text.to_owned(), |text, (pattern, word)| pattern.replace_all(&text, *word).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_taken_out_and_the_rest_stays() {
        for (text, redacted) in [
            ("user RAVI77 (Ravi Kumar) is blocked", "user RAVI77 is blocked"),
            ("no user ravi.kumar@sahyadri.example in ACME", "no user <e-mail> in ACME"),
            ("phone +91 98200 12345 is taken", "phone <number> is taken"),
            ("number 2341 2341 2346 of ABCDE1234F", "number <number> of <id>"),
            ("migrated from 9 to 10 in 2026, 1,000,000 rows", "migrated from 9 to 10 in 2026, 1,000,000 rows"),
            ("branch MUM01 (Fort)", "branch MUM01 (Fort)"),
        ] {
            assert_eq!(redact(text), redacted);
        }
    }
}
