//! Texts without what they tell of people, for logs that many may read; and without passwords, for everybody.

use std::sync::LazyLock;

use regex::Regex;

/// What is taken out, and what stands in its place; in this order.
#[expect(clippy::expect_used, reason = "the patterns are constants, and a test uses each")]
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

/// Takes names behind users, e-mail addresses, identity numbers, long numbers and passwords out.
pub fn redact(text: &str) -> String {
    PATTERNS.iter().fold(secrets(text), |text, (pattern, word)| pattern.replace_all(&text, *word).into_owned())
}

/// A pattern, what stands in the place of what it finds, and what is in every text that it finds something in (lower case):
/// making a pattern ready takes longer than all else that a short command does.
struct Pattern {
    regex: LazyLock<Regex>,
    word: &'static str,
    needs: &'static [&'static str],
}

impl Pattern {
    fn may_find(&self, lower: &str) -> bool {
        self.needs.iter().all(|part| lower.contains(part))
    }
}

macro_rules! patterns {
    ($(#[doc = $note:literal] $pattern:literal => $word:literal, needs $needs:expr;)*) => {
        [$(Pattern {
            regex: LazyLock::new(|| Regex::new($pattern).expect("a constant pattern")),
            word: $word,
            needs: &$needs,
        }),*]
    };
}

/// Where a password stands in the address of a database, however badly that is written.
static SECRETS: [Pattern; 9] = patterns! {
    /// `postgres://USER:PASSWORD@`: the password may hold anything, a blank or another @ too, and slashes may be missing.
    r"(?i)(\bpostgres(?:ql)?[a-z0-9+]*(?::/{0,3}|/{2,3})[^\s:@/]*):[^\n]*@" => "$1:***@", needs ["postgres", "@"];
    /// The same that has lost its host: what follows the colon is no port.
    r"(?i)(\bpostgres(?:ql)?[a-z0-9+]*(?::/{1,3}|/{2,3})[^\s:@/]*):[0-9]*[^\s0-9/@?#'\x22*:,;][^\s/@]*" => "$1:***",
        needs ["postgres", "/"];
    /// A setting without a value is none.
    r"(?i)(\bpostgres(?:ql)?[a-z0-9+]*:/\S*?[?&])[^\s=&'\x22]+($|[\s&'\x22])" => "$1***$2", needs ["postgres", ":/"];
    /// Of any scheme.
    r"(?i)(\b[a-z][a-z0-9+.-]*:/{1,3}[^\s:@/]*):[^\s]*@" => "$1:***@", needs [":/", "@"];
    /// One that has lost its scheme, as far as the path of its database shows what it is.
    r"([^\s:/@=?&'\x22]+):[^\s:/@'\x22]+@([A-Za-z0-9.-]+(?::[0-9]+)?/)" => "$1:***@$2", needs [":", "@", "/"];
    /// `password=...`, in a URL, in the pairs of libpq, in those of ODBC.
    r"(?i)\b((?:ssl)?(?:password|passwd|pwd))(\s*=\s*)(?:'(?:[^'\\]|\\.)*'|\x22[^\x22]*\x22|[^\s&;'\x22]+)" => "$1$2***",
        needs ["p", "w", "d", "="];
    /// The same in JSON.
    r#"(?i)("[a-z0-9_ -]*(?:password|passwd|pwd|passphrase|secret|token|otp|api_?key|private_?key)(?:_hash)?"\s*:\s*)(?:"(?:[^"\\]|\\.)*"|[0-9][^\s,}\]]*)"#
        => "$1\"***\"", needs ["\"", ":"];
    /// Private keys of signed notes.
    r"(PRIVATE\+KEY\+)[^\s'\x22]*[^\s'\x22*]" => "$1***", needs ["private+key+"];
    /// And of age.
    r"(?i)(AGE-SECRET-KEY-)[^\s'\x22]*[^\s'\x22*]" => "$1***", needs ["age-secret-key-"];
};

/// `password: ...`, as people write it; in messages the word may stand before what is said of it.
#[expect(clippy::expect_used, reason = "a constant pattern, which a test uses")]
static TYPED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(password|passwd|pwd|passphrase)(\s*:\s*)([^\s,;'\x22*]+)").expect("a constant pattern")
});

/// A word of a command line without secrets.
pub fn typed(word: &str) -> String {
    // Making ready to look takes longer than all else that a short command does.
    if !word.contains(':') {
        return secrets(word);
    }
    TYPED.replace_all(&secrets(word), "$1$2***").into_owned()
}

/// Whether a member of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase().replace(['-', ' '], "_");
    let name = name.strip_suffix("_hash").unwrap_or(&name);
    ["password", "passwd", "pwd", "passphrase", "secret", "token", "otp", "apikey", "api_key", "private_key"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// Takes passwords and private keys out.
pub fn secrets(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    SECRETS
        .iter()
        .filter(|pattern| pattern.may_find(&lower))
        .fold(text.to_owned(), |text, Pattern { regex, word, .. }| regex.replace_all(&text, *word).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a pattern finds has what it needs: else it would not be asked.
    #[test]
    fn a_pattern_is_made_ready_where_it_may_find_something() {
        let ready = |text: &str| SECRETS.iter().filter(|p| p.may_find(&text.to_ascii_lowercase())).count();
        assert_eq!(
            ["made branch MUM01 in ACME", "error: no such file: /tmp/a", "sqlite:///tmp/t.db"].map(ready),
            [0; 3]
        );
        for (i, text) in [
            "POSTGRES:u:s3cret@h",
            "postgres://u:s3cret",
            "Postgres://h/d?s3cret",
            "mysql://u:s3cret@h",
            "u:s3cret@h/d",
            "PWD=s3cret",
            "\"otp\": \"s3cret\"",
            "PRIVATE+KEY+s3cret",
            "age-secret-key-s3cret",
        ]
        .into_iter()
        .enumerate()
        {
            assert!(SECRETS[i].regex.is_match(text) && SECRETS[i].may_find(&text.to_ascii_lowercase()), "{text}");
            assert!(!secrets(text).contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn what_is_typed_after_the_word_password_is_taken_out() {
        assert_eq!(typed("--comment=new password: s3cret, told"), "--comment=new password: ***, told");
        assert_eq!(typed(&typed("passphrase:x")), "passphrase:***");
        for (name, is) in [("password", true), ("New-Password", true), ("password_hash", true), ("pincode", false)] {
            assert_eq!(is_secret_name(name), is, "{name}");
        }
    }

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

    #[test]
    fn passwords_are_taken_out_of_addresses_however_these_are_written() {
        for (text, without) in [
            ("postgres://rao:s3cret@db/people", "postgres://rao:***@db/people"),
            ("POSTGRESQL://rao:s3cret@db/people", "POSTGRESQL://rao:***@db/people"),
            ("postgres://rao:s3@c/r#e?t@db/people", "postgres://rao:***@db/people"),
            ("postgres://rao:s3 cret@db/people", "postgres://rao:***@db/people"),
            ("postgres:/rao:s3cret@db/people", "postgres:/rao:***@db/people"),
            ("postgres:rao:s3cret@db/people", "postgres:rao:***@db/people"),
            ("postgres//rao:s3cret@db/people", "postgres//rao:***@db/people"),
            ("postgres://rao:s3cret", "postgres://rao:***"),
            ("postgres://rao:3secret/people", "postgres://rao:***/people"),
            ("--database=postgresql+psycopg://rao:s3cret@db", "--database=postgresql+psycopg://rao:***@db"),
            ("postgres://rao@db/people?s3cret", "postgres://rao@db/people?***"),
            ("rao:s3cret@db:5432/people", "rao:***@db:5432/people"),
            ("mysql://rao:s3cret@db/people", "mysql://rao:***@db/people"),
            ("postgres://rao@db/people?password=s3cret&port=5432", "postgres://rao@db/people?password=***&port=5432"),
            (
                "jdbc:postgresql://db/people?user=rao&sslpassword=s3cret",
                "jdbc:postgresql://db/people?user=rao&sslpassword=***",
            ),
            ("host=db user=rao password=s3cret port=5432", "host=db user=rao password=*** port=5432"),
            ("host=db password = 's3 \\' cret' port=5432", "host=db password = *** port=5432"),
            ("Server=db;User Id=rao;Pwd=s3cret;Port=5432", "Server=db;User Id=rao;Pwd=***;Port=5432"),
            (r#"{"city":"Pune","new_password" : "s3 \" cret"}"#, r#"{"city":"Pune","new_password" : "***"}"#),
            (r#"{"api_key":"a:b","otp":123456}"#, r#"{"api_key":"***","otp":"***"}"#),
            ("can't read PRIVATE+KEY+orgctl/1+0123abcd+AbCd=", "can't read PRIVATE+KEY+***"),
            ("AGE-SECRET-KEY-1QQPZRY9X8", "AGE-SECRET-KEY-***"),
        ] {
            assert_eq!(secrets(text), without);
            assert_eq!(secrets(without), without, "once is enough");
        }
        for text in [
            "can't reach the database server of postgres://rao@db:5432/people: connection refused",
            "postgres://db:5432/people?sslmode=disable",
            "postgres://[::1]:5432/people",
            "sqlite:///home/rao/a:b.db",
            "user ravi:branch at 10:30, rao@sahyadri.example",
            "password.history is 5",
            "column password: a stored hash is no password",
            r#"{"password_changed_at":"2026-11-28","password":null,"must_change_password":true}"#,
            "see https://db.example:8443/x and mailto:rao@db.example",
        ] {
            assert_eq!(secrets(text), text);
        }
    }
}
