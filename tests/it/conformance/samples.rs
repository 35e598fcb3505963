//! Values of each type of field, as somebody writes them and as they are kept: by hand, and by the type alone, so that a
//! kind that has fields of these types needs no line here.

use orgctl::model::resource::Field;
use orgctl::model::values::scalar::FieldKind;
use serde_json::{Value as Json, json};

/// One value: what is typed, and what is told of it afterwards.
#[derive(Debug, Clone)]
pub struct Sample {
    pub input: String,
    pub kept: Json,
}

/// How many records of a kind have values of their own.
pub const MANY: usize = 97;

/// A number below [`MANY`] for the n-th record, in another order for each column: what is sorted by the wrong column, or
/// stands in it, is seen.
fn place(column: &str, n: usize) -> usize {
    assert!(n < MANY, "the samples of {column} are used up");
    let h: usize = column.bytes().map(usize::from).sum();
    (n * (2 + h % 11) + h) % MANY
}

fn letters(m: usize) -> String {
    let letter = |i: usize| char::from(b'a' + u8::try_from(i).expect("a letter"));
    [letter(m / 26), letter(m % 26)].into_iter().collect()
}

const LANGUAGES: [(&str, &str); 5] =
    [("EN", "en"), ("hi", "hi"), ("pt_br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("mr", "mr")];

const ZONES: [(&str, &str); 5] = [
    ("asia/kolkata", "Asia/Kolkata"),
    ("Europe/Berlin", "Europe/Berlin"),
    ("UTC", "UTC"),
    ("america/new_york", "America/New_York"),
    ("Asia/Tokyo", "Asia/Tokyo"),
];

/// The n-th value of a field that is no reference.
pub fn sample(field: &Field, n: usize) -> Sample {
    let m = place(field.column, n);
    let tag = field.column.replace('_', "");
    let of = |input: String, kept: &str| Sample { input, kept: kept.into() };
    if let FieldKind::Choice(words) = field.ty.role {
        let word = words[n % words.len()];
        return of(word.to_uppercase().replace('_', "-"), word);
    }
    if let FieldKind::Set = field.ty.role {
        let [one, other] = [m, (m + 1) % MANY].map(|m| format!("w{m:02}_{}", field.column));
        let kept = if one < other { [&one, &other] } else { [&other, &one] };
        return Sample { input: format!(" {other}, {one}|{other} "), kept: json!(kept) };
    }
    match field.ty.label {
        "WORD" | "WORD|*" => of(format!(" W{m:02}_{} ", field.column), &format!("w{m:02}_{}", field.column)),
        "CODE" => of(format!("kx{m:04}"), &format!("KX{m:04}")),
        // Decomposed, with more blanks than one: kept composed, with one.
        "TEXT" => {
            let (word, more) = (letters(m), if field.ty.multiline { "\nand more" } else { "" });
            let kept = format!("\u{e4}ster {tag}{word}{more}");
            assert!(field.ty.max == 0 || kept.chars().count() <= field.ty.max, "{} is short", field.column);
            let input = if field.ty.multiline { kept.clone() } else { format!("a\u{308}ster  {tag}{word} ") };
            of(input, &kept)
        }
        "E-MAIL" => of(format!("kx{m:02}.{tag}@Sample.EXAMPLE"), &format!("kx{m:02}.{tag}@sample.example")),
        "NAME" => of(format!("Kx{m:02}.{tag}"), &format!("kx{m:02}.{tag}")),
        "ID" => of(format!("Kx-{m:02}/{tag} "), &format!("Kx-{m:02}/{tag}")),
        "LANGUAGE" => of(LANGUAGES[n % 5].0.into(), LANGUAGES[n % 5].1),
        "ZONE" => of(ZONES[n % 5].0.into(), ZONES[n % 5].1),
        "PHONE" => of(format!("098200 123{m:02}"), &format!("+9198200123{m:02}")),
        "URL" => of(format!("HTTPS://N{m:02}.Example/{tag}"), &format!("https://n{m:02}.example/{tag}")),
        "PINCODE" => of(format!("400 0{m:02}"), &format!("4000{m:02}")),
        "NUMBER" => Sample { input: (5 + 7 * m).to_string(), kept: json!(5 + 7 * m) },
        "AMOUNT" => of(format!("{}.5", 7 * m), &format!("{}.50", 7 * m)),
        "DATE" => {
            let day = format!("19{}-0{}-1{}", 50 + m % 49, 1 + m % 9, m % 10);
            of(format!(" {day}"), &day)
        }
        "ADDRESS" => of(format!("::ffff:192.0.2.{m}"), &format!("192.0.2.{m}")),
        "JSON" => Sample {
            input: format!(r#"{{"b": [1, null], "a": "{m}"}}"#),
            kept: json!({"a": m.to_string(), "b": [1, null]}),
        },
        "TIME" => {
            let day = format!("2027-0{}-1{}", 1 + m % 9, m % 10);
            of(format!("{day}T09:30:00+05:30"), &format!("{day}T04:00:00.000000Z"))
        }
        "yes|no" => {
            let yes = n.is_multiple_of(2);
            Sample { input: if yes { "YES" } else { "off" }.into(), kept: yes.into() }
        }
        other => panic!("{}: no samples of the type {other}; give it some here", field.column),
    }
}

/// What a field of this type refuses.
pub fn bad(field: &Field) -> String {
    match field.ty.label {
        "CHOICE" => "none of them".into(),
        "CODE" | "NAME" | "ID" | "WORD" | "WORD|*" => "a b".into(),
        "TEXT" => "a\u{1}b".into(),
        "E-MAIL" => "nobody".into(),
        "LANGUAGE" => "english!".into(),
        "ZONE" => "Mars/Base".into(),
        "PHONE" => "12".into(),
        "URL" => "ftp://x.example".into(),
        "PINCODE" => "40?001".into(),
        "NUMBER" => "1.5".into(),
        "AMOUNT" => "1e3".into(),
        "DATE" => "23/04/1990".into(),
        "ADDRESS" => "300.1.1.1".into(),
        "JSON" => "x".repeat(10_001),
        "TIME" => "yesterday".into(),
        "yes|no" => "perhaps".into(),
        "KEY" => "NO-SUCH-9".into(),
        other => panic!("{}: nothing bad of the type {other}; give it something here", field.column),
    }
}

/// A value of JSON as a cell has it.
pub fn cell(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(s) => s.clone(),
        Json::Array(all) if all.iter().all(Json::is_string) => all.iter().map(cell).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    }
}
