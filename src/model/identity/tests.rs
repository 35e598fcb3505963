//! Numbers of FACTS.md (python-stdnum, india-compliance, UIDAI's test identities), and what is near them.

use proptest::prelude::*;

use super::*;

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 30).unwrap_or_default()
}

fn read(kind: NumberKind, text: &str) -> Result<Number, Fault> {
    Number::read(kind, text, today())
}

/// Each is a number of its kind, kept and masked so.
#[test]
fn numbers_are_read_and_masked() {
    use NumberKind::{Aadhaar, Account, Cin, Gstin, Ifsc, Llpin, Pan, Pin, Udyam, Vid};
    for (kind, text, kept, masked) in [
        (Aadhaar, "2341 2341 2346", "234123412346", "XXXX XXXX 2346"),
        (Aadhaar, " 9999-4105-7058 ", "999941057058", "XXXX XXXX 7058"),
        (Aadhaar, "999971658847", "999971658847", "XXXX XXXX 8847"),
        (Aadhaar, "999933119405", "999933119405", "XXXX XXXX 9405"),
        (Aadhaar, "999955183433", "999955183433", "XXXX XXXX 3433"),
        (Aadhaar, "999990501894", "999990501894", "XXXX XXXX 1894"),
        (Aadhaar, "999999990019", "999999990019", "XXXX XXXX 0019"),
        (Aadhaar, "999999990026", "999999990026", "XXXX XXXX 0026"),
        (Vid, "2341 2341 2341 2341", "2341234123412341", "XXXX XXXX XXXX 2341"),
        (Pan, "aakfd7113k", "AAKFD7113K", "AAKFDXXXXK"),
        (Pan, "AAPPV8261K", "AAPPV8261K", "AAPPVXXXXK"),
        (Pan, "ABMPA3211G", "ABMPA3211G", "ABMPAXXXXG"),
        (Pan, "ACUPA7085R", "ACUPA7085R", "ACUPAXXXXR"),
        (Pan, "AFZPK7190K", "AFZPK7190K", "AFZPKXXXXK"),
        (Gstin, "27AAPFU0939F1ZV", "27AAPFU0939F1ZV", "27AAPFUXXXXF1ZV"),
        (Gstin, "27 AAACR5055K 1Z7", "27AAACR5055K1Z7", "27AAACRXXXXK1Z7"),
        (Cin, "L17110MH1973PLC019786", "L17110MH1973PLC019786", "XXXXXXXXXXXXXXXXX9786"),
        (Cin, "U25209DL1973PLC003526", "U25209DL1973PLC003526", "XXXXXXXXXXXXXXXXX3526"),
        (Llpin, "aaa-1234", "AAA-1234", "XXX-1234"),
        (Llpin, "AAA1234", "AAA-1234", "XXX-1234"),
        (Udyam, "udyam-mh-00-0000123", "UDYAM-MH-00-0000123", "XXXXX-XX-XX-XXX0123"),
        (Account, "000123456789", "000123456789", "XXXXXXXX6789"),
        (Ifsc, "karb0000001", "KARB0000001", "KARB0000001"),
        (Pin, "400 001", "400001", "400001"),
    ] {
        let number = read(kind, text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!((number.expose(), number.masked().as_str()), (kept, masked), "{text}");
    }
}

#[test]
fn what_is_none_is_told_why() {
    use NumberKind::{Aadhaar, Account, Cin, Gstin, Ifsc, Llpin, Pan, Pin, Udyam, Vid};
    for (kind, text, why) in [
        (Aadhaar, "234123412347", "check digit"),
        (Aadhaar, "123412341234", "begins with 0 or 1"),
        (Aadhaar, "000000000000", "begins with 0 or 1"),
        (Aadhaar, "222222222222", "backwards"),
        (Aadhaar, "643343121", "12 digits"),
        (Aadhaar, "123456789012", "begins with 0 or 1"),
        (Aadhaar, "२३४१२३४१२३४६", "0 to 9"),
        (Aadhaar, "9.87E+11", "spreadsheet"),
        (Aadhaar, "9,87E+11", "spreadsheet"),
        (Aadhaar, "234123412346.0", "spreadsheet"),
        (Aadhaar, "XXXX XXXX 2346", "masked"),
        (Aadhaar, "2341234123412341", "virtual ID"),
        (Aadhaar, "  ", "empty"),
        (Vid, "2341234123412342", "check digit"),
        (Vid, "1341234123412341", "begins with 0 or 1"),
        (Vid, "2222222222222222", "check digit"),
        (Pan, "ACUPA7085RR", "five letters"),
        (Pan, "ABMPA32111", "five letters"),
        (Pan, "ABMXA3211G", "fourth letter"),
        (Pan, "ACUPA0000R", "0000"),
        (Pan, "AAPPVXXXXK", "masked"),
        (Gstin, "27AAPFU0939F1ZO", "check character"),
        (Gstin, "27AAPFU0939F1ZA", "check character"),
        (Gstin, "27AAACR5055K1Z8", "check character"),
        (Gstin, "27AAPFU0939F1AA", "form"),
        (Gstin, "369296450896540", "form"),
        (Gstin, "27AAPFU0939F1Z", "form"),
        (Gstin, "40AAPFU0939F1ZV", "state"),
        (Cin, "X17110MH1973PLC019786", "L or U"),
        (Cin, "L17110MH1973PLC01978", "L or U"),
        (Cin, "L17110MH1973PLC0197866", "L or U"),
        (Cin, "L17110MH1800PLC019786", "year"),
        (Cin, "L17110MH2027PLC019786", "year"),
        (Llpin, "AA-1234", "three letters"),
        (Udyam, "UDYAM-MH-00-000012", "UDYAM"),
        (Account, "000000000000", "zeros"),
        (Account, "12345678", "9 to 18"),
        (Account, "1234567890123456789", "9 to 18"),
        (Account, "1.23457E+14", "spreadsheet"),
        (Ifsc, "KARBO000001", "letter O"),
        (Ifsc, "KARB1000001", "zero"),
        (Ifsc, "KARB000001", "four letters"),
        (Pin, "012345", "first"),
        (Pin, "1234567", "six digits"),
    ] {
        match read(kind, text) {
            Ok(number) => panic!("{text} is taken as {}", number.expose()),
            Err(fault) => assert!(fault.0.contains(why), "{text}: {fault}"),
        }
    }
}

/// Registrations of every class, as the sample data of india-compliance has them (public registrations).
#[test]
fn every_class_of_gstin() {
    for (text, class) in [
        ("29AABCF8078M2ZW", "taxpayer"),
        ("36AASFP8573D2ZN", "taxpayer"),
        ("27AAJCS5738D1Z6", "taxpayer"),
        ("06DELI09652G1DA", "deductor of tax"),
        ("09ALDN00287A1DD", "deductor of tax"),
        ("27AAFT56212B1DO", "deductor of tax"),
        ("19AAACI1681G1DV", "deductor of tax"),
        ("29AABCF8078M1C8", "collector of tax"),
        ("27AAECG3736E1C2", "collector of tax"),
        ("29AAFCB7707D1C1", "collector of tax"),
        ("0717UNO00157UNO", "United Nations body or embassy"),
        ("0717UNO00211UN2", "United Nations body or embassy"),
        ("2117UNO00002UNF", "United Nations body or embassy"),
        ("0717UNO00154UNU", "United Nations body or embassy"),
        ("9917SGP29001OST", "online services from abroad"),
    ] {
        let number = read(NumberKind::Gstin, text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(number.tells(), Some(class), "{text}");
    }
    assert_eq!(business::pan_within("27AAPFU0939F1ZV"), Some("AAPFU0939F"));
    assert_eq!(business::pan_within("29AABCF8078M1C8"), Some("AABCF8078M"));
    assert_eq!(business::pan_within("06DELI09652G1DA"), None);
}

#[test]
fn what_is_odd_is_noted() {
    let notes = |kind, text| read(kind, text).map(|number| number.notes().join("; "));
    assert_eq!(notes(NumberKind::Ifsc, "KARB0000001"), Ok(String::new()));
    assert_eq!(notes(NumberKind::Ifsc, "ZZZZ0000001"), Ok("its bank is unknown in the list of 2026-05-27".to_owned()));
    assert_eq!(
        notes(NumberKind::Cin, "L17110ZZ1973XXX019786"),
        Ok("its state is not known; its kind of company is not known".to_owned())
    );
    assert_eq!(notes(NumberKind::Vid, "2341234123412341"), Ok("must not be kept".to_owned()));
    let tells = |kind, text| read(kind, text).map(|number| number.tells());
    assert_eq!(tells(NumberKind::Ifsc, "KARB0000001"), Ok(Some("Karnataka Bank")));
    assert_eq!(tells(NumberKind::Pan, "AAKFD7113K"), Ok(Some("firm or LLP")));
    assert_eq!(tells(NumberKind::Cin, "L17110MH1973PLC019786"), Ok(Some("public limited company")));
}

/// Some Aadhaar numbers that are right, made by the definition of the check digit: one of ten bodies has each.
fn right() -> impl Strategy<Value = String> {
    (2u64..=9, 0u64..10_000_000_000).prop_filter_map("no palindrome", |(first, rest)| {
        let body = format!("{first}{rest:010}");
        let mut all = (0..10).map(|check| format!("{body}{check}"));
        all.find(|text| read(NumberKind::Aadhaar, text).is_ok())
    })
}

proptest! {
    /// Every wrong digit and every swap of neighbours is found (Verhoeff).
    #[test]
    fn slips_are_found(text in right(), at in 0usize..12, digit in 0u8..10) {
        let mut wrong: Vec<u8> = text.clone().into_bytes();
        wrong[at] = b'0' + digit;
        let mut swapped = text.clone().into_bytes();
        swapped.swap(at, (at + 1).min(11));
        for slip in [wrong, swapped].into_iter().filter(|slip| slip != text.as_bytes()) {
            let slip = String::from_utf8(slip).unwrap_or_default();
            prop_assert!(read(NumberKind::Aadhaar, &slip).is_err(), "{} {}", text, slip);
        }
    }

    /// Whatever is typed: nothing panics, what was read once is read again as it is, and it does not print.
    #[test]
    fn anything(text in "\\PC{0,24}|[A-Z0-9 -]{0,22}") {
        for kind in NumberKind::ALL {
            if let Ok(number) = read(kind, &text) {
                let again = read(kind, number.expose()).map(|n| n.expose().to_owned());
                prop_assert_eq!(again, Ok(number.expose().to_owned()));
                prop_assert_eq!(format!("{number:?}"), format!("{kind:?}(***)"));
            }
        }
    }
}
