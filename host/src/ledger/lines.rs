//! The lines of an attempt's log as one compact value.
//!
//! A byte of version, then for each line: the microseconds since the line before (the first: since 1970), a byte of
//! level and source, the message, and the fields. Numbers are LEB128 (times zigzag-encoded), texts are preceded by
//! their length. A line costs 5 bytes beside its text.

use jiff::Timestamp;

use super::stored::Unreadable;
use crate::model::log::{Level, LogLine, LogSource};

const VERSION: u8 = 1;

/// Encodes lines. What is finer than a microsecond in their times is cut off.
pub(super) fn encode(lines: &[LogLine]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + lines.iter().map(|line| line.message.len() + 8).sum::<usize>());
    bytes.push(VERSION);
    let mut before = 0;
    for line in lines {
        let at = line.at.as_microsecond();
        put_number(&mut bytes, zigzag(at.wrapping_sub(before)));
        before = at;
        bytes.push(level_code(line.level) | source_code(line.source) << 4);
        put_text(&mut bytes, &line.message);
        put_number(&mut bytes, line.fields.len() as u64);
        for (name, value) in &line.fields {
            put_text(&mut bytes, name);
            put_text(&mut bytes, value);
        }
    }
    bytes
}

/// Decodes lines.
///
/// # Errors
/// For bytes that [`encode`] did not write. Never panics, and never takes much more room than the bytes it is given.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<LogLine>, Unreadable> {
    iter(bytes)?.collect()
}

/// Decodes lines one by one. Nothing follows an error.
///
/// # Errors
/// As [`decode`].
pub(super) fn iter(bytes: &[u8]) -> Result<impl Iterator<Item = Result<LogLine, Unreadable>>, Unreadable> {
    let damaged = || Unreadable::new("the stored log of an attempt is damaged");
    let (&version, mut rest) = bytes.split_first().ok_or_else(damaged)?;
    if version != VERSION {
        return Err(Unreadable::new(format!("the stored log of an attempt has the unknown version {version}")));
    }
    let mut before = 0;
    Ok(std::iter::from_fn(move || {
        (!rest.is_empty()).then(|| {
            let line = take_line(&mut rest, &mut before);
            line.ok_or_else(|| {
                rest = &[];
                damaged()
            })
        })
    }))
}

fn take_line(rest: &mut &[u8], before: &mut i64) -> Option<LogLine> {
    *before = before.wrapping_add(unzigzag(take_number(rest)?));
    let codes = *rest.split_off_first()?;
    let message = take_text(rest)?;
    let fields = (0..take_number(rest)?).map(|_| Some((take_text(rest)?, take_text(rest)?))).collect::<Option<_>>()?;
    Some(LogLine {
        at: Timestamp::from_microsecond(*before).ok()?,
        level: Level::ALL.into_iter().find(|level| level_code(*level) == codes & 0xf)?,
        source: SOURCES.into_iter().find(|source| source_code(*source) == codes >> 4)?,
        message,
        fields,
    })
}

const SOURCES: [LogSource; 4] = [LogSource::Log, LogSource::Stdout, LogSource::Stderr, LogSource::Host];

fn level_code(level: Level) -> u8 {
    match level {
        Level::Trace => 0,
        Level::Debug => 1,
        Level::Info => 2,
        Level::Warn => 3,
        Level::Error => 4,
    }
}

fn source_code(source: LogSource) -> u8 {
    match source {
        LogSource::Log => 0,
        LogSource::Stdout => 1,
        LogSource::Stderr => 2,
        LogSource::Host => 3,
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_number(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(take_number(rest)?).ok()?;
    let text = rest.split_off(..length)?;
    String::from_utf8(text.to_vec()).ok()
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = *rest.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn line() -> impl Strategy<Value = LogLine> {
        let at = Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond();
        (at, select(&Level::ALL), select(&SOURCES), ".{0,20}", vec((".{0,5}", ".{0,5}"), 0..3)).prop_map(
            |(at, level, source, message, fields)| {
                let at = Timestamp::from_microsecond(at).expect("the range is that of the type");
                LogLine { at, level, source, message, fields }
            },
        )
    }

    proptest! {
        #[test]
        fn lines_survive_their_stored_form(lines in vec(line(), 0..8)) {
            prop_assert_eq!(decode(&encode(&lines)), Ok(lines));
        }

        #[test]
        fn foreign_bytes_are_refused_calmly(bytes in vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn a_value_that_was_cut_short_is_refused(lines in vec(line(), 1..4), cut in 1usize..6) {
            let bytes = encode(&lines);
            let kept = bytes.len() - cut.min(bytes.len());
            prop_assert_ne!(decode(&bytes[..kept]), Ok(lines));
        }
    }

    #[test]
    fn the_stored_form_stays_what_it_is() {
        let at = Timestamp::from_microsecond(200).unwrap();
        let line = LogLine {
            at,
            level: Level::Warn,
            source: LogSource::Stderr,
            message: "hé".into(),
            fields: vec![("a".into(), "bc".into())],
        };
        assert_eq!(
            encode(&[line.clone(), LogLine { fields: vec![], ..line }]),
            b"\x01\x90\x03\x23\x03h\xc3\xa9\x01\x01a\x02bc\x00\x23\x03h\xc3\xa9\x00"
        );
        assert!(decode(b"\x02").is_err(), "another version");
        assert!(decode(b"\x01\x00\x05\x00\x00").is_err(), "an unknown level");
        assert!(decode(b"\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7fx").is_err(), "a length beyond reason");
    }
}
