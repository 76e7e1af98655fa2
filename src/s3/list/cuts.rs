//! [`Cuts`]: estimates keys at which a long listing can be split, from the keys listed so far. Pure.
//!
//! A key is converted to a number. The character at each position is a digit. Its base is the number of different characters
//! at that position. If keys have a decimal digit at a position, all ten digits are assumed there. If they have different
//! letters, the whole alphabet is assumed. Then two keys have about as many keys between them as listed keys at the same
//! distance. A wrong estimate costs a request, but no key: the split points do not affect the listed keys.

/// Number of characters after the prefix that are used.
const POSITIONS: usize = 64;

/// Upper limit of the numbers. A product with a number of keys does not overflow.
const LARGEST: u128 = 1 << 100;

const DECIMAL: u128 = range(b'0', b'9');
const HEX_LETTERS: [u128; 2] = [range(b'a', b'f'), range(b'A', b'F')];
const LETTERS: [u128; 2] = [range(b'a', b'z'), range(b'A', b'Z')];

/// Returns the set of ASCII characters from `first` to `last`, with one bit for each.
const fn range(first: u8, last: u8) -> u128 {
    ((1u128 << (last - first + 1)) - 1) << first
}

/// Characters in the keys of a listing.
#[derive(Debug)]
pub(in crate::s3) struct Cuts {
    /// The prefix of all keys.
    prefix: String,
    /// The bytes at each position after the prefix.
    seen: [Seen; POSITIONS],
}

/// The bytes of the keys at one position.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// The first byte seen at this position.
    first: Option<u8>,
    /// The ASCII characters, with one bit for each.
    ascii: u128,
    /// Whether keys have different bytes at this position, and one of them is not a printable ASCII character.
    is_mixed: bool,
}

impl Seen {
    fn add(&mut self, byte: u8) {
        let first = *self.first.get_or_insert(byte);
        match byte.is_ascii() && !byte.is_ascii_control() {
            true => self.ascii |= 1 << byte,
            false => self.is_mixed |= byte != first,
        }
        self.is_mixed |= !first.is_ascii() && byte != first;
    }
}

/// Two keys, and the number of keys after the first one up to the second.
#[derive(Clone, Debug)]
pub(in crate::s3) struct Sample {
    pub(in crate::s3) after: String,
    pub(in crate::s3) until: String,
    pub(in crate::s3) keys: usize,
}

impl Cuts {
    /// Creates an estimate for keys with this prefix.
    pub(in crate::s3) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            seen: [Seen::default(); POSITIONS],
        }
    }

    /// Adds the characters of a key.
    pub(in crate::s3) fn see(&mut self, key: &[u8]) {
        let below = key.get(self.prefix.len()..).unwrap_or_default();
        for (seen, byte) in self.seen.iter_mut().zip(below) {
            seen.add(*byte);
        }
    }

    /// Returns a key about `keys` keys after `after`, by the density of the sample. `None` if there is no such key before
    /// `until`.
    pub(in crate::s3) fn cut(
        &self,
        after: &str,
        until: Option<&str>,
        sample: &Sample,
        keys: usize,
    ) -> Option<String> {
        let scale = self.scale();
        let start = scale.number(after);
        let width = scale.width(&sample.after, &sample.until);
        let stride = width.saturating_mul(keys as u128) / (sample.keys.max(1) as u128);
        let number = start.checked_add(stride.max(1))?;
        let cut = scale.key(&self.prefix, number)?;
        let is_before = |until: &str| cut.as_str() < until;
        (cut.as_str() > after && until.is_none_or(is_before)).then_some(cut)
    }

    /// Estimates the number of keys after `after` up to `until`, by the density of the sample.
    pub(in crate::s3) fn estimate(&self, after: &str, until: &str, sample: &Sample) -> usize {
        let scale = self.scale();
        let shown = scale.width(&sample.after, &sample.until).max(1);
        let keys = scale
            .width(after, until)
            .saturating_mul(sample.keys as u128)
            / shown;
        usize::try_from(keys).unwrap_or(usize::MAX)
    }

    /// Returns the expected characters at each position, for as many positions as a number can represent.
    fn scale(&self) -> Scale {
        let mut digits = Vec::new();
        let mut largest: u128 = 1;
        for seen in &self.seen {
            let Some(first) = seen.first.filter(|_| !seen.is_mixed) else {
                break;
            };
            let digit = match expected(seen.ascii) {
                0 => Digit::Constant(first),
                characters => Digit::Of(characters),
            };
            largest = largest.saturating_mul(digit.base());
            if largest >= LARGEST {
                break;
            }
            digits.push(digit);
        }
        Scale {
            prefix: self.prefix.len(),
            digits,
        }
    }
}

/// Returns the expected characters at a position with these seen characters.
fn expected(seen: u128) -> u128 {
    let mut expected = seen;
    let has_digits = seen & DECIMAL != 0;
    if has_digits {
        expected |= DECIMAL;
    }
    for (letters, hex) in LETTERS.into_iter().zip(HEX_LETTERS) {
        let of_case = seen & letters;
        if of_case == 0 {
            continue;
        }
        if has_digits && of_case & !hex == 0 {
            expected |= hex;
        } else if has_digits || of_case.count_ones() > 1 {
            expected |= letters;
        }
    }
    expected
}

/// Converts keys to numbers and back.
struct Scale {
    prefix: usize,
    digits: Vec<Digit>,
}

/// The expected bytes at a position.
enum Digit {
    /// One byte, which is not an ASCII character.
    Constant(u8),
    /// These ASCII characters, with one bit for each.
    Of(u128),
}

impl Digit {
    fn base(&self) -> u128 {
        match self {
            Self::Constant(_) => 1,
            Self::Of(characters) => characters.count_ones().into(),
        }
    }

    /// Returns the number of characters before this one, or the largest value for a character after all of them.
    fn value(&self, byte: u8) -> u128 {
        match self {
            Self::Of(characters) if byte.is_ascii() => {
                let before = characters & ((1 << byte) - 1);
                u128::from(before.count_ones()).min(self.base() - 1)
            }
            Self::Of(_) => self.base() - 1,
            Self::Constant(_) => 0,
        }
    }

    /// Returns the character with this value.
    fn byte(&self, value: u128) -> Option<u8> {
        let characters = match self {
            Self::Constant(byte) => return Some(*byte),
            Self::Of(characters) => *characters,
        };
        let mut rest = characters;
        for _ in 0..value {
            rest &= rest.wrapping_sub(1);
        }
        u8::try_from(rest.trailing_zeros())
            .ok()
            .filter(u8::is_ascii)
    }
}

impl Scale {
    /// Returns the distance between two keys.
    fn width(&self, after: &str, until: &str) -> u128 {
        self.number(until).saturating_sub(self.number(after))
    }

    fn number(&self, key: &str) -> u128 {
        let below = key.as_bytes().get(self.prefix..).unwrap_or_default();
        let bytes = below.iter().map(Some).chain(std::iter::repeat(None));
        let digits = self.digits.iter().zip(bytes);
        digits.fold(0, |number, (digit, byte)| {
            number * digit.base() + byte.map_or(0, |byte| digit.value(*byte))
        })
    }

    /// Returns the key of a number. `None` if the number is too large, or the key would not be UTF-8.
    fn key(&self, prefix: &str, number: u128) -> Option<String> {
        let mut rest = number;
        let mut below = Vec::with_capacity(self.digits.len());
        for digit in self.digits.iter().rev() {
            below.push(digit.byte(rest % digit.base())?);
            rest /= digit.base();
        }
        below.reverse();
        let below = String::from_utf8(below).ok().filter(|_| rest == 0)?;
        Some(format!("{prefix}{below}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(keys: &[&str]) -> Cuts {
        let mut cuts = Cuts::new("t/");
        for key in keys {
            cuts.see(key.as_bytes());
        }
        cuts
    }

    fn sample(after: &str, until: &str, keys: usize) -> Sample {
        Sample {
            after: after.to_owned(),
            until: until.to_owned(),
            keys,
        }
    }

    #[test]
    fn a_cut_is_as_far_as_the_keys_of_the_sample_are_apart() {
        let hexadecimal = ["t/0000", "t/00ff", "t/0a9f", "t/09a1"];
        for (keys, (after, until, count), expected) in [
            // Decimal numbers, in one directory and in several.
            (
                &["t/f0000", "t/f0099"][..],
                ("t/f0000", "t/f0099", 99),
                "t/f0199",
            ),
            (
                &["t/d00/f0", "t/d00/f9"],
                ("t/d00/f0", "t/d00/f9", 9),
                "t/d10/f9",
            ),
            // Hexadecimal numbers.
            (&hexadecimal, ("t/0000", "t/00ff", 255), "t/0163"),
            // Letters that differ.
            (&["t/aaa", "t/acz"], ("t/aaa", "t/aaz", 25), "t/aev"),
            // Names that begin with characters other than ASCII.
            (
                &["t/\u{e4}000", "t/\u{e4}009"],
                ("t/\u{e4}000", "t/\u{e4}009", 9),
                "t/\u{e4}109",
            ),
        ] {
            let cut = cuts(keys).cut(until, None, &sample(after, until, count), 100);
            assert_eq!(cut.as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_cut_is_between_its_neighbours_or_there_is_none() {
        let cuts = cuts(&["t/000", "t/999"]);
        let dense = sample("t/000", "t/999", 999);
        assert_eq!(
            cuts.cut("t/100", Some("t/105"), &dense, 3).as_deref(),
            Some("t/103")
        );
        assert_eq!(cuts.cut("t/100", Some("t/103"), &dense, 3), None);
        assert_eq!(cuts.cut("t/100", Some("t/102"), &dense, 3), None);
        // No number is larger.
        assert_eq!(cuts.cut("t/998", None, &dense, 3), None);
        // Keys of which nothing is known.
        assert_eq!(Cuts::new("t/").cut("t/a", None, &dense, 3), None);
        assert_eq!(Cuts::new("t/").cut("", None, &sample("", "", 0), 3), None);
    }

    #[test]
    fn estimates_are_by_the_density_of_the_sample() {
        let cuts = cuts(&["t/000", "t/999"]);
        let dense = sample("t/000", "t/099", 990);
        assert_eq!(cuts.estimate("t/100", "t/200", &dense), 1000);
        assert_eq!(cuts.estimate("t/200", "t/100", &dense), 0);
    }
}
