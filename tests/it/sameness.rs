//! What is the same to a person is the same to filters and searches, on both engines.

use crate::harness::{TestEnv, on_both_engines_with_acme};

/// Names as people write them, by their codes.
const NAMES: &[(&str, &str)] = &[
    ("A1", "José Café"),
    ("A2", "JOSE CAFE"),
    ("A3", "Straße"),
    ("A4", "STRASSE"),
    ("A5", "Ёлка"),
    ("A6", "ΟΔΟΣ"),
    ("A7", "ＦＩＮＡＮＣＥ"),
    ("A8", "Oﬃce"),
    ("A9", "पुणे"),
    ("B1", "पण"),
    ("B2", "İstanbul"),
    ("B3", "Łódź"),
    ("B4", "東京 Tokyo"),
    ("B5", "Ǆungla"),
];

fn codes(p: &TestEnv, filter: &str) -> String {
    let words = ["branch", "list", "--all", "-o", "key", "--filter", filter].map(str::to_owned);
    p.run_words(&words, b"").ok().lines().collect::<Vec<_>>().join(" ")
}

#[test]
fn case_marks_width_and_ligatures_make_no_difference() {
    on_both_engines_with_acme(|p| {
        for (code, name) in NAMES {
            let words = ["branch", "create", "--code", code, "--name", name, "--city", name].map(str::to_owned);
            p.run_words(&words, b"").ok();
        }
        for (text, expected) in [
            ("josé café", "A1 A2"),
            ("JOSE\u{301} CAFÉ", "A1 A2"),
            ("jose cafe", "A1 A2"),
            ("strasse", "A3 A4"),
            ("STRAẞE", "A3 A4"),
            ("елка", "A5"),
            ("οδος", "A6"),
            ("finance", "A7"),
            ("office", "A8"),
            ("पुणे", "A9"),
            ("istanbul", "B2"),
            ("łódz", "B3"),
            ("東京 tokyo", "B4"),
            ("東京 ＴＯＫＹＯ", "B4"),
            ("džungla", "B5"),
            ("To\u{ad}kyo", ""),
        ] {
            for field in ["name", "city"] {
                assert_eq!(codes(p, &format!("{field}=\"{text}\"")), expected, "{field}={text}");
                assert_eq!(codes(p, &format!("{field}=nowhere,\"{text}\"")), expected, "{field}=nowhere,{text}");
                let others =
                    NAMES.iter().map(|(c, _)| *c).filter(|c| !expected.contains(c)).collect::<Vec<_>>().join(" ");
                assert_eq!(codes(p, &format!("{field}!=\"{text}\"")), others, "{field}!={text}");
            }
        }
        for (text, expected) in [
            ("é", "A1 A2 A3 A4 A7 A8"),
            ("ΡΑΣΣ", ""),
            ("ss", "A3 A4"),
            ("KY\u{200b}O", "B4"),
            ("ﬃ", "A8"),
            ("णे", "A9"),
            ("к", "A5"),
            ("ος", "A6"),
        ] {
            assert_eq!(codes(p, &format!("name~{text}")), expected, "name~{text}");
        }
        assert_eq!(codes(p, "name!~e name!~ο"), "A5 A9 B1 B2 B3 B4 B5");
        for (words, found) in
            [("strasse", "A3 A4"), ("cafÉ", "A1 A2"), ("ЁЛКА", "A5"), ("fi\u{ad}nance", "A7"), ("οδοσ", "A6")]
        {
            let said = p.run(&format!("branch find {words} -o key")).ok();
            let mut keys: Vec<&str> = said.lines().collect();
            keys.sort_unstable();
            assert_eq!(keys.join(" "), found, "{words}");
        }
    });
}

#[test]
fn names_to_sign_in_with_and_numbers_keep_their_marks() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'Asha Rao' --username asha --email Asha@X.example --external-id RD999a").ok();
        let names = |filter: &str| p.column(&format!("user list --filter '{filter}'"), "name").len();
        for filter in ["email=ASHA@x.example", "email~SHA@", "username=ASHA", "username~ＳＨ", "external_id~rd999A"] {
            assert_eq!(names(filter), 1, "{filter}");
        }
        for filter in ["username~ásh", "email~áshа", "external_id~999b"] {
            assert_eq!(names(filter), 0, "{filter}");
        }
        assert_eq!(names("name=asha\u{301} name~RAO"), 0);
        assert_eq!(names("name=\"ASHA RAO\" first_name=áshá"), 1);
    });
}
