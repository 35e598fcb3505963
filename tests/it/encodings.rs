//! Files that are neither UTF-8 nor UTF-16: read as what they are, or refused with the guess.

use encoding_rs::Encoding;

use crate::harness::{TestEnv, on_both_engines_with_acme};

const POLISH: &str =
    "Łódź|Gdańsk|Kraków|Poznań|Wrocław|Częstochowa|Świętochłowice|Żywiec|Zgorzelec|Źródła|Białystok|Rzeszów";
const TURKISH: &str = "İstanbul|Şişli|Diyarbakır|Muğla|Ağrı|Çanakkale|Uşak|Gümüşhane|Kırşehir|Niğde|Iğdır|Şırnak";
const RUSSIAN: &str =
    "Москва|Санкт-Петербург|Новосибирск|Екатеринбург|Казань|Нижний Новгород|Челябинск|Самара|Омск|Уфа|Пермь|Волгоград";
const CHINESE: &str = "北京|上海|广州|深圳|成都|杭州|重庆|武汉|西安|南京|天津|苏州";
const JAPANESE: &str = "東京|大阪|横浜|名古屋|札幌|さいたま|福岡|川崎|神戸|京都|ひたちなか|南アルプス";
const WESTERN: &str = "Café|Málaga|Düsseldorf|Ålesund|Besançon|Łeba";

/// Encodings, and a text that is written in each.
const FILES: [(&str, &str); 10] = [
    ("windows-1250", POLISH),
    ("iso-8859-2", POLISH),
    ("windows-1254", TURKISH),
    ("windows-1251", RUSSIAN),
    ("koi8-r", RUSSIAN),
    ("ibm866", RUSSIAN),
    ("gbk", CHINESE),
    ("gb18030", CHINESE),
    ("shift_jis", JAPANESE),
    ("euc-jp", JAPANESE),
];

fn encoded(name: &str, text: &str) -> Vec<u8> {
    let encoding = Encoding::for_label(name.as_bytes()).expect("an encoding");
    let (bytes, _, has_lost) = encoding.encode(text);
    assert!(!has_lost, "{name}");
    bytes.into_owned()
}

/// A file of branches with these names.
fn branches(names: &str) -> String {
    let rows: String = names.split('|').enumerate().map(|(i, n)| format!("B{i:02};{n};{n}\r\n")).collect();
    format!("code;name;city\r\n{rows}")
}

fn names(p: &TestEnv) -> String {
    p.column("branch list --sort code", "name").join("|")
}

#[test]
fn a_file_is_read_in_the_encoding_that_is_named() {
    on_both_engines_with_acme(|p| {
        for (encoding, text) in FILES {
            let file = p.write("b.csv", encoded(encoding, &branches(text)));
            let said = p.run(&format!("branch import {file} --encoding {encoding} --on-conflict update"));
            let shown = if encoding == "gb18030" { "gb18030" } else { encoding };
            assert_eq!(said.code, 0, "{}", said.err);
            assert!(said.err.starts_with(&format!("note: {file} is read as {shown}\n")), "{}", said.err);
            assert_eq!(names(p), text, "{encoding}");
        }
        // Further names of the same; and the order of bytes where nothing else tells it.
        let wide = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        let text = branches(RUSSIAN)
            .replace("code;name;city", "\"город\";code;name")
            .replace("B0", "П;B0")
            .replace("B1", "П;B1");
        let text = text
            .lines()
            .map(|l| l.rsplit_once(';').map_or(l, |(a, _)| if l.starts_with('"') { l } else { a }).to_owned() + "\n")
            .collect::<String>();
        for (bytes, label) in [
            (wide(&text, u16::to_le_bytes), "UTF-16LE"),
            (wide(&text, u16::to_be_bytes), "utf-16be"),
            (encoded("windows-1251", &text), "CP1251"),
            (text.clone().into_bytes(), "utf8"),
        ] {
            let file = p.write("b.csv", bytes);
            let line = format!("branch import {file} --encoding {label} --map город=city --on-conflict update");
            p.run(&line).ok();
            assert_eq!(names(p), RUSSIAN, "{label}");
            assert_eq!(p.json("branch show B00")["city"], "П");
        }
    });
}

/// Never rubbish: the right text, or a refusal with the right guess.
#[test]
fn without_a_name_the_text_is_right_or_the_file_is_refused() {
    on_both_engines_with_acme(|p| {
        let first = |text: &str, n: usize| text.split('|').take(n).collect::<Vec<_>>().join("|");
        for (encoding, text) in FILES {
            for n in [1, 2, 12] {
                let file = p.write("b.csv", encoded(encoding, &branches(&first(text, n))));
                let said = p.run(&format!("branch import {file}"));
                if said.code == 0 {
                    assert_eq!(names(p), first(text, n), "{encoding}");
                    let codes = p.run("branch list -o key").ok().replace('\n', " ");
                    p.run(&format!("branch delete {codes} --yes")).ok();
                    continue;
                }
                let refused = format!(
                    "error: {file} is neither UTF-8 nor UTF-16, and what else it is can't be told for sure\nhint: --encoding "
                );
                let said = said.fails(6);
                assert!(said.starts_with(&refused), "{said}");
                let guess = match encoding {
                    "koi8-r" => "koi8-u",
                    "gb18030" => "gbk",
                    other => other,
                };
                assert!(
                    n < 12 || said.contains(&format!("hint: --encoding {guess} is the best guess\n")),
                    "{encoding}: {said}"
                );
            }
        }
        assert_eq!(names(p), "");
        // What reads the same in all encodings that it could be in is read.
        let western = WESTERN.trim_end_matches("|Łeba");
        let file = p.write("b.csv", encoded("windows-1252", &branches("Café|Zürich|Köln|Kärnten")));
        let said = p.run(&format!("branch import {file}"));
        assert!(
            said.err.contains("is read as windows-1252, which is a guess: --encoding names another\n"),
            "{}",
            said.err
        );
        said.ok();
        assert_eq!(names(p), "Café|Zürich|Köln|Kärnten");
        // Å is Ĺ in Central Europe, and nothing says where this is.
        let file = p.write("b.csv", encoded("windows-1252", &branches(western)));
        p.run(&format!("branch import {file} --on-conflict update")).fails(6);
        // Enough text is no guess any more.
        let many: Vec<String> = (0..150)
            .map(|i| {
                let names: Vec<&str> = RUSSIAN.split('|').collect();
                format!("{}{}", names[i % 12], names[(i / 12 + i) % 12].to_lowercase())
            })
            .collect();
        for encoding in ["windows-1251", "koi8-r", "iso-8859-5", "ibm866"] {
            let file = p.write("b.csv", encoded(encoding, &branches(&many.join("|"))));
            p.run(&format!("branch import {file} --on-conflict update")).ok();
            assert_eq!(p.json("branch show B100")["name"], many[100], "{encoding}");
        }
    });
}

/// The one usual encoding of 7 bits tells itself by its escape sequences; UTF-32 is refused by its name.
#[test]
fn what_is_neither_of_8_bits_nor_utf16_is_told() {
    on_both_engines_with_acme(|p| {
        let file = p.write("b.csv", encoded("iso-2022-jp", &branches(JAPANESE)));
        let said = p.run(&format!("branch import {file}")).fails(0);
        assert!(said.starts_with(&format!("note: {file} is read as iso-2022-jp, which is a guess")), "{said}");
        assert_eq!(names(p), JAPANESE);
        // An escape sequence of a terminal is none of it.
        let file = p.write("b.csv", "code;name\nX1;\u{1b}[31mred\n");
        let said = p.run(&format!("branch import {file}")).fails(6);
        assert!(said.contains("name must not hold control characters; character 1 is (U+001B)\n"), "{said}");
        let wide =
            |bytes: fn(u32) -> [u8; 4]| branches(POLISH).chars().flat_map(|c| bytes(c as u32)).collect::<Vec<u8>>();
        for (mark, text) in [
            (&[0xff, 0xfe, 0, 0][..], wide(u32::to_le_bytes)),
            (&[], wide(u32::to_le_bytes)),
            (&[], wide(u32::to_be_bytes)),
        ] {
            let file = p.write("b.csv", [mark, &text].concat());
            let said = p.run(&format!("branch import {file}")).fails(6);
            assert_eq!(said, format!("error: {file} is UTF-32, which is not read\nhint: save the file as UTF-8\n"));
        }
    });
}

/// What another program has lost is not to be had again, but it is said; and no guess is told that hardly any file is in.
#[test]
fn damaged_text_is_said_and_the_guess_is_a_usual_one() {
    on_both_engines_with_acme(|p| {
        let file = p.write("b.csv", "code,name,city\nB1,Jos\u{fffd},Pune\nB2,Asha,M\u{fffd}laga\nB3,Zoé,\n");
        let note = "note: 2 texts hold U+FFFD, which stands for characters that another program has lost\n";
        let said = p.run(&format!("branch import {file}")).fails(0);
        assert!(said.contains(note), "{said}");
        let report = p.run(&format!("branch import {file} --on-conflict update -o json")).json();
        assert_eq!([&report["damaged_texts"], &report["unchanged"]], [2, 3]);
        // Python's name for UTF-8 with a mark.
        p.run(&format!("branch import {file} --on-conflict update --encoding UTF-8-SIG")).ok();
        let file = p.write("b.csv", encoded("windows-1252", "code,name\nB4,naïve\n"));
        let said = p.run(&format!("branch import {file}")).fails(6);
        assert!(said.contains("hint: --encoding windows-1252 is the best guess\n"), "{said}");
    });
}

#[test]
fn a_name_that_does_not_fit_is_refused() {
    on_both_engines_with_acme(|p| {
        let file = p.write("b.csv", "\u{feff}code;name\nA;Łódź\n");
        for name in ["windows-1250", "utf-16le", "utf-16"] {
            assert_eq!(
                p.run(&format!("branch import {file} --encoding {name}")).fails(2),
                format!(
                    "error: {file} begins with the byte order mark of utf-8, and --encoding says {name}\nhint: leave --encoding out\n"
                )
            );
        }
        let wide: Vec<u8> = "\u{feff}code;name\nA;Łódź\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let file = p.write("w.csv", wide);
        for name in ["utf-8", "utf-16le", "windows-1250"] {
            assert!(p.run(&format!("branch import {file} --encoding {name}")).fails(2).contains("mark of utf-16be"));
        }
        p.run(&format!("branch import {file} --encoding utf-16")).ok();
        assert_eq!(names(p), "Łódź");
        for (name, meant) in [
            ("windows-1205", "windows-1250"),
            ("win1250", ""),
            ("utf_16_le", "utf-16le"),
            ("koi9-r", "koi8-r"),
            ("replacement", ""),
            ("x-user-defined", ""),
        ] {
            let said = p.run(&format!("branch import {file} --encoding {name}")).fails(2);
            assert!(
                said.starts_with(&format!("error: --encoding {name} is no encoding that is known\nhint: ")),
                "{said}"
            );
            assert!(
                said.contains(meant) && said.contains("\nhint: encodings: utf-8, utf-16le, ") || meant.is_empty(),
                "{said}"
            );
        }
    });
}

/// What an encoding has no meaning for rejects its row; rejects are written as the file was, and come in again.
#[test]
fn rejects_are_in_the_encoding_of_the_file() {
    on_both_engines_with_acme(|p| {
        let rejects = p.path("r.csv").display().to_string();
        for (encoding, name, bad) in [
            ("shift_jis", "東京", &b"\x81\x20"[..]),
            ("windows-1250", "Łódź", b"\x81"),
            ("gbk", "北京", b"\xff"),
            ("koi8-r", "Москва", b""),
        ] {
            let mut bytes =
                encoded(encoding, &format!("code;name;phone\r\nA1;{name};12\r\nA2;{name};\r\nA3;\"{name};\r\nA4;"));
            bytes.extend_from_slice(bad);
            bytes.extend(encoded(encoding, &format!("{name};\r\n")));
            let file = p.write("b.csv", &bytes);
            let said = p.run(&format!("branch import {file} --encoding {encoding} --keep-going --rejects {rejects}"));
            assert!(said.err.contains(&format!("import it again with --encoding {encoding}\n")), "{}", said.err);
            said.fails(7);
            let written = std::fs::read(&rejects).expect("the file");
            let has = |part: &[u8]| written.windows(part.len()).any(|w| w == part);
            assert!(has(&encoded(encoding, &format!("A1;{name};12;2;phone;invalid;"))), "{encoding}");
            assert!(has(&encoded(encoding, &format!("A3;\"{name};;4;name;quote;"))), "{encoding}");
            let lost = [
                &b"A4;"[..],
                bad,
                &encoded(encoding, &format!("{name};;5;name;encoding;name holds bytes that are no {encoding} text")),
            ]
            .concat();
            assert!(bad.is_empty() || has(&lost), "{encoding}: {}", String::from_utf8_lossy(&written));
            // Mended in bytes.
            let find = |text: &[u8], part: &[u8]| text.windows(part.len()).position(|w| w == part);
            let mut mended = written.clone();
            let phone = find(&mended, b";12;2;").expect("a phone");
            mended.drain(phone + 1..phone + 3);
            let quote = find(&mended, b"A3;\"").expect("a quote");
            mended.remove(quote + 3);
            if let Some(at) = find(&mended, b"A4;").filter(|_| !bad.is_empty()) {
                mended.drain(at + 3..at + 3 + bad.len());
            }
            p.write("r.csv", mended);
            p.run(&format!("branch import {rejects} --encoding {encoding} --on-conflict skip")).ok();
            assert_eq!(names(p), [name; 4].join("|"), "{encoding}");
            p.run("branch delete A1 A2 A3 A4 --yes").ok();
        }
    });
}

/// Whatever else is read as text is UTF-8, or refused by name.
#[test]
fn other_input_is_utf8_or_refused() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name Zoë --username zoe --email zoë@example.com").ok();
        let latin = encoded("windows-1252", "zoë@example.com\n");
        for line in [
            "user block - --reason x --yes",
            "user delete - --yes",
            "audit append - --kind x",
            "user passwd zoe --password-stdin",
        ] {
            let said = p.run_with(line, &latin);
            assert_ne!(said.code, 0, "{line}");
            assert!(said.err.contains("UTF-8") || said.err.contains("usage") || said.code == 2, "{line}: {}", said.err);
        }
        // A mark that editors of Windows put before it is none of the key.
        p.run_with("user block - --reason x --yes", "\u{feff}zoe\r\n").ok();
        assert_eq!(p.json("user show zoe")["status"], "blocked");
        let event = "\u{feff}{\"action\": \"login\", \"resource\": \"session\"}\n";
        p.run_with("audit append -", event).ok();
    });
}
