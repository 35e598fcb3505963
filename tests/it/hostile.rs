//! Input that means harm, or was pasted from somewhere.

use crate::harness::{TestEnv, on_both_engines_with_acme};

/// Text fields of a branch, as flags, with what makes a value of them that is otherwise right.
const TEXTS: &[&str] = &["name", "address-line1", "address-line2", "address-line3", "city", "state", "manager-name"];

/// Creates a branch with one field set, in the exact words.
fn create(p: &TestEnv, code: &str, flag: &str, value: &str) -> crate::harness::Output {
    let mut words = vec!["branch".to_owned(), "create".into(), "--org=ACME".into(), format!("--code={code}")];
    if flag != "name" {
        words.push("--name=Plain".into());
    }
    words.push(format!("--{flag}={value}"));
    p.run_words(&words, b"")
}

#[test]
fn sql_is_text_and_terminal_codes_are_refused() {
    on_both_engines_with_acme(|p| {
        let mut n = 0;
        for sql in [
            "'; drop table branches; --",
            "' or '1'='1",
            "x\"); delete from orgs; --",
            "$1 ? :x @y",
            "%_!\\",
            "E'\\x27'",
            "${jndi:x} $(id) `id`",
        ] {
            n += 1;
            let flags = TEXTS.iter().map(|flag| format!("--{flag}={sql}"));
            let words = ["branch", "create", &format!("--code=S{n}")].map(str::to_owned).into_iter().chain(flags);
            p.run_words(&words.collect::<Vec<_>>(), b"").ok();
            let shown = p.json(&format!("branch show S{n}"));
            for flag in TEXTS {
                assert_eq!(shown[flag.replace('-', "_")], sql, "{flag}");
            }
            for (flag, code) in [("phone", 6), ("email", 6), ("pincode", 6), ("parent", 3)] {
                create(p, "NO", flag, sql).fails(code);
            }
            p.run_words(&["org", "create", "--name=x", &format!("--code={sql}")].map(str::to_owned), b"").fails(6);
            p.run_words(&["branch", "show", &format!("--org={sql}"), sql].map(str::to_owned), b"").fails(3);
            p.run_words(
                &["branch", "list", &format!("--filter=name=\"{}\"", sql.replace('"', ""))].map(str::to_owned),
                b"",
            )
            .ok();
            p.run_words(&["branch", "list", &format!("--columns={sql}")].map(str::to_owned), b"").fails(2);
            p.run_words(&["branch", "list", &format!("--sort={sql}")].map(str::to_owned), b"").fails(2);
        }
        assert_eq!(p.column("branch list", "code").len(), n);
        // A terminal escape in any field is refused, by the place where it stands.
        for flag in TEXTS.iter().chain(&["phone", "email", "pincode", "parent"]) {
            let said = create(p, "NO", flag, "ab\u{1b}[2J\u{7}");
            assert!(matches!(said.code, 3 | 6), "{flag}: {}", said.err);
            assert!(!said.err.contains('\u{1b}') && !said.err.contains('\u{7}'), "{flag}: {:?}", said.err);
        }
        assert_eq!(
            create(p, "NO", "city", "ab\u{1b}[2J").fails(6),
            "error: city must not hold control characters; character 3 is (U+001B)\n"
        );
        for (noun, flag) in [
            ("org", "name"),
            ("org", "address"),
            ("org", "contact-email"),
            ("org", "website"),
            ("org", "type"),
            ("org", "max-users"),
            ("org", "code"),
        ] {
            let said =
                p.run_words(&[noun, "update", "ACME", &format!("--{flag}=x\u{1b}]0;t\u{7}")].map(str::to_owned), b"");
            assert!(said.code == 6 && !said.err.contains(['\u{1b}', '\u{7}']), "{flag}: {:?}", said.err);
        }
        // NUL, which no database keeps, can come in a file or in a list of keys.
        let file = p.write("n.csv", "code,name\nN1,a\0b\nN\0,x\n");
        let said = p.run(&format!("branch import {file}")).fails(6);
        assert!(said.contains("rejected line 2: name must not hold a NUL character (byte 2)\n"), "{said}");
        assert!(said.contains("rejected line 3: code must not hold a NUL character (byte 2)\n"), "{said}");
        assert!(p.run_with("branch show -", "S1\0\n").fails(6).contains("it holds bytes of zero"));
        assert_eq!(p.column("branch list", "code").len(), n);
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

#[test]
fn what_is_too_long_is_refused_and_not_repeated_in_full() {
    on_both_engines_with_acme(|p| {
        let long = "x".repeat(100_000);
        for flag in TEXTS.iter().chain(&["email", "pincode", "phone", "parent"]) {
            let said = create(p, "L", flag, &long);
            assert!(matches!(said.code, 3 | 6), "{flag}: {}", said.code);
            assert!(said.err.len() < 500, "{flag}: {} bytes", said.err.len());
        }
        for words in [
            vec!["branch", "show", &long],
            vec!["branch", "list", "--org", &long],
            vec!["branch", "list", "--filter", &long],
            vec!["branch", "list", "--columns", &long],
            vec!["branch", "list", "--sort", &long],
            vec!["branch", "list", "--page", &long],
        ] {
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            let said = p.run_words(&words, b"");
            assert!(
                matches!(said.code, 2 | 3) && said.err.len() < 1000,
                "{}: {} {}",
                words[1],
                said.code,
                said.err.len()
            );
        }
        let file = p.write("l.csv", format!("code,name\nL1,{long}\n{long},x\n"));
        let said = p.run(&format!("branch import {file}")).fails(6);
        assert!(
            said.contains("rejected line 2: name must be 200 characters or fewer, not 100000\n") && said.len() < 1000,
            "{said}"
        );
        assert_eq!(p.column("branch list", "code").len(), 0);
    });
}

#[test]
fn codes_that_look_alike_are_made_alike_or_refused() {
    on_both_engines_with_acme(|p| {
        // Another form of the same letters is taken as them, and that is said.
        for (typed, kept) in [
            ("ＭＵＭ０１", "MUM01"),
            ("mum02", "MUM02"),
            (" MUM03 ", "MUM03"),
            ("\u{a0}\u{3000}mum04", "MUM04"),
            ("ﬁ1", "FI1"),
            ("𝐌𝟓", "M5"),
        ] {
            let said = create(p, typed, "name", "x").fails(0);
            let note = format!("note: code '{}' is kept as '{kept}'\n", typed.trim());
            let expected = if typed.trim() == kept { String::new() } else { note };
            assert_eq!(said, format!("{expected}created branch {kept} in ACME\n"));
        }
        assert!(create(p, "mum01", "name", "x").fails(4).contains("branch MUM01 exists already"));
        // A letter of another script is not, and which it is is said.
        for (typed, which) in [
            ("МUM05", "character 1 is 'М' (U+041C)"),
            ("MUMО5", "character 4 is 'О' (U+041E)"),
            ("MΑM", "character 2 is 'Α' (U+0391)"),
            ("MUM\u{200b}5", "character 4 is (U+200B)"),
            ("MUM\u{202e}5", "character 4 is (U+202E)"),
            ("MUM\u{ad}5", "character 4 is (U+00AD)"),
            ("MUM٥", "(U+0665)"),
            ("MUM 5", "character 4 is ' ' (U+0020)"),
            ("MÜM", "character 2 is 'Ü' (U+00DC)"),
        ] {
            let said = create(p, typed, "name", "x").fails(6);
            assert!(
                said.starts_with("error: code may hold only the letters A-Z, digits, '-', '_', '.' and '/'; "),
                "{said}"
            );
            assert!(said.contains(which), "{said}");
        }
        // Names are Unicode: blanks folded, composed (NFC), nothing else changed.
        for (typed, kept) in [
            ("  Mumbai \t Fort\n", "Mumbai Fort"),
            ("Cafe\u{301}", "Café"),
            ("ＭＵＭ", "ＭＵＭ"),
            ("मुंबई", "मुंबई"),
            ("\u{a0}A\u{2003}B\u{a0}", "A B"),
        ] {
            p.run_words(&["branch", "update", "MUM01", &format!("--name={typed}")].map(str::to_owned), b"").ok();
            assert_eq!(p.json("branch show MUM01")["name"], kept);
        }
        // Leading zeros and signs are part of a code.
        create(p, "007", "name", "Bond").ok();
        create(p, "7", "name", "Seven").ok();
        assert_eq!(p.json("branch show 007")["name"], "Bond");
        create(p, "1e3", "name", "x").ok();
        assert_eq!(p.column("branch list --filter code=1e3", "code"), ["1E3"]);
    });
}
