//! The check digit of J. Verhoeff, "Error Detecting Decimal Codes" (1969): it finds every wrong digit, and every two
//! neighbours that are swapped.

const D: [&[u8; 10]; 10] = [
    b"0123456789",
    b"1234067895",
    b"2340178956",
    b"3401289567",
    b"4012395678",
    b"5987604321",
    b"6598710432",
    b"7659821043",
    b"8765932104",
    b"9876543210",
];

const P: [&[u8; 10]; 8] = [
    b"0123456789",
    b"1576283094",
    b"5803796142",
    b"8916043527",
    b"9453126870",
    b"4286573901",
    b"2793806415",
    b"7046913258",
];

/// Whether the last of some digits is the check digit of those before it.
pub fn is_right(digits: &str) -> bool {
    let at = |table: &[u8; 10], digit: u8| table.get(usize::from(digit)).map(|c| c - b'0');
    let mut check = Some(0);
    for (digit, row) in digits.bytes().rev().zip(P.iter().cycle()) {
        let moved = digit.checked_sub(b'0').and_then(|digit| at(row, digit));
        check = check.zip(moved).and_then(|(check, moved)| at(D.get(usize::from(check))?, moved));
    }
    check == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Wikipedia, "Verhoeff algorithm", and one of python-stdnum.
    #[test]
    fn published_examples() {
        for right in ["2363", "12340"] {
            assert!(is_right(right), "{right}");
        }
        for wrong in ["2364", "1234", "123x"] {
            assert!(!is_right(wrong), "{wrong}");
        }
    }
}
