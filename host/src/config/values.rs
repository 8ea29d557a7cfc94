//! The kinds of value that the configuration's tables are made of: numbers, quantities, names, words, lists, maps.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use super::diagnostic::Diagnostic;
use super::read::{Node, Reader, Value};
use super::shape::Shape;
use crate::model::id::{AlertName, PluginName, TaskName};
use crate::model::quantity;

/// A whole number in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole<const MIN: u64, const MAX: u64>(pub(super) u64);

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    pub(super) fn u8(self) -> u8 {
        const { assert!(MAX <= u8::MAX as u64) }
        self.0 as u8
    }

    pub(super) fn u16(self) -> u16 {
        const { assert!(MAX <= u16::MAX as u64) }
        self.0 as u16
    }

    pub(super) fn u32(self) -> u32 {
        const { assert!(MAX <= u32::MAX as u64) }
        self.0 as u32
    }

    pub(super) fn non_zero(self) -> NonZeroU32 {
        const { assert!(MIN > 0) }
        NonZeroU32::new(self.u32()).expect("the range begins above zero")
    }
}

impl<const MIN: u64, const MAX: u64> Value for Whole<MIN, MAX> {
    fn shape() -> Shape {
        Shape::Whole { min: MIN, max: MAX }
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        let DeValue::Integer(number) = node.get_ref() else {
            return reader.mismatch::<Self, _>(node);
        };
        match unsigned(number).filter(|number| (MIN..=MAX).contains(number)) {
            Some(number) => Some(Self(number)),
            None => reader.refuse(node, format!("expected {}", Self::shape())),
        }
    }
}

/// A count, as a number or as a text such as `"10G"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count<const MIN: u64>(pub(super) u64);

impl<const MIN: u64> Value for Count<MIN> {
    fn shape() -> Shape {
        let number = Shape::Whole { min: MIN, max: quantity::MAX_FIGURE };
        Shape::Either(vec![number, Shape::Text { what: "a count such as \"10G\"".into() }])
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        let count = match node.get_ref() {
            DeValue::Integer(number) => unsigned(number).filter(|count| *count <= quantity::MAX_FIGURE),
            DeValue::String(text) => match quantity::parse_count(text) {
                Ok(count) => Some(count),
                Err(error) => return reader.refuse(node, error),
            },
            _ => return reader.mismatch::<Self, _>(node),
        };
        match count.filter(|count| *count >= MIN) {
            Some(count) => Some(Self(count)),
            None => reader.refuse(node, format!("expected a count from {MIN} to {}", quantity::MAX_FIGURE)),
        }
    }
}

/// A byte size of at least so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes<const MIN: u64>(pub(super) u64);

impl<const MIN: u64> Value for Bytes<MIN> {
    fn shape() -> Shape {
        let least = if MIN > 0 { format!(", {:#} or more", quantity::bytes(MIN)) } else { String::new() };
        Shape::Text { what: format!("a byte size such as \"64MiB\"{least}").into() }
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        if let DeValue::Integer(number) = node.get_ref() {
            return without_unit::<Self, _>(node, reader, &format!("\"{0}MiB\" or \"{0}B\"", number.as_str()));
        }
        match quantity::parse_bytes(reader.text::<Self>(node)?) {
            Ok(bytes) if bytes >= MIN => Some(Self(bytes)),
            Ok(_) => reader.refuse(node, format!("expected {}", Self::shape())),
            Err(error) => reader.refuse(node, error),
        }
    }
}

/// A duration of at least so many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time<const MIN_MS: u64>(pub(super) Duration);

impl<const MIN_MS: u64> Value for Time<MIN_MS> {
    fn shape() -> Shape {
        let least = Duration::from_millis(MIN_MS);
        let least = if MIN_MS > 0 { format!(", {:#} or more", quantity::duration(least)) } else { String::new() };
        Shape::Text { what: format!("a duration such as \"30s\" or \"1h 30m\"{least}").into() }
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        if let DeValue::Integer(number) = node.get_ref() {
            return without_unit::<Self, _>(node, reader, &format!("\"{0}s\" or \"{0}m\"", number.as_str()));
        }
        match quantity::parse_duration(reader.text::<Self>(node)?) {
            Ok(time) if time >= Duration::from_millis(MIN_MS) => Some(Self(time)),
            Ok(time) => {
                let why = if time.is_zero() { "nothing can be done in no time: " } else { "" };
                reader.refuse(node, format!("{why}expected {}", Self::shape()))
            }
            Err(error) => reader.refuse(node, error),
        }
    }
}

fn without_unit<T: Value, R>(node: Node<'_>, reader: &mut Reader, instead: &str) -> Option<R> {
    let problem = Diagnostic::error(format!("`{}` cannot be a number without a unit", reader.path()))
        .at(node.span(), format!("expected {}", T::shape()))
        .help(format!("write {instead}"));
    reader.problems.note(problem);
    None
}

impl Value for bool {
    fn shape() -> Shape {
        Shape::Bool
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            _ => reader.mismatch::<Self, _>(node),
        }
    }
}

/// Makes a type that is read from a text a [`Value`]; what its error says is shown under the caret.
macro_rules! text_is_a_value {
    ($($type:ty: $what:literal;)*) => {$(
        impl $crate::config::read::Value for $type {
            fn shape() -> $crate::config::shape::Shape {
                $crate::config::shape::Shape::Text { what: $what.into() }
            }

            fn read(
                node: $crate::config::read::Node<'_>,
                reader: &mut $crate::config::read::Reader,
            ) -> Option<Self> {
                let text = reader.text::<Self>(node)?;
                match text.parse() {
                    Ok(value) => Some(value),
                    Err(error) => reader.refuse(node, error),
                }
            }
        }
    )*};
}
pub(super) use text_is_a_value;

text_is_a_value! {
    String: "a text";
    TaskName: "a task's name";
    PluginName: "a plugin's name: that of its file without .wasm or .wat";
    AlertName: "an alert's name";
}

/// Reads one of several words.
pub(super) fn choose<T: Value>(node: Node<'_>, reader: &mut Reader, choices: &[(&'static str, T)]) -> Option<T> {
    let text = reader.text::<T>(node)?;
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
        return Some(value.clone());
    }
    let problem = Diagnostic::error(format!("`{}` cannot be {text:?}", reader.path()))
        .at(node.span(), format!("expected {}", T::shape()))
        .did_you_mean(text, choices.iter().map(|(word, _)| *word));
    reader.problems.note(problem);
    None
}

impl<T: Listed> Value for Vec<Spanned<T>> {
    fn shape() -> Shape {
        Shape::List { what: T::PLURAL, item: Box::new(T::shape()) }
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        let DeValue::Array(items) = node.get_ref() else {
            return reader.mismatch::<Self, _>(node);
        };
        let read = |item: Node<'_>| Some(Spanned::new(item.span(), T::read(item, reader)?));
        Some(items.iter().filter_map(read).collect())
    }
}

/// What lists are made of.
pub(super) trait Listed: Value {
    /// Completes "a list of …".
    const PLURAL: &'static str;
}

impl Listed for TaskName {
    const PLURAL: &'static str = "tasks' names";
}

impl Listed for AlertName {
    const PLURAL: &'static str = "alerts' names";
}

impl<const MIN: u64, const MAX: u64> Listed for Whole<MIN, MAX> {
    const PLURAL: &'static str = "whole numbers";
}

/// A table whose keys the user chooses, in the order of the names.
#[derive(Debug, Clone)]
pub(super) struct Named<K, V>(pub(super) Vec<(Spanned<K>, Spanned<V>)>);

impl<K, V> Default for Named<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// What can be a key of [`Named`].
pub(super) trait Name: FromStr<Err: std::fmt::Display> + Clone + PartialEq {
    /// Completes "each key is …".
    const WHAT: &'static str;
}

impl Name for TaskName {
    const WHAT: &'static str = "the name of a task";
}

impl Name for AlertName {
    const WHAT: &'static str = "the name of an alert";
}

impl<K: Name, V: Value> Value for Named<K, V> {
    fn shape() -> Shape {
        Shape::Named { key: K::WHAT, value: Box::new(V::shape()) }
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        let DeValue::Table(entries) = node.get_ref() else {
            return reader.mismatch::<Self, _>(node);
        };
        let mut named = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let name = match key.get_ref().parse() {
                Ok(name) => Some(Spanned::new(key.span(), name)),
                Err(error) => {
                    let problem = Diagnostic::error(format!("`{}` cannot be {}", key.get_ref(), K::WHAT))
                        .at(key.span(), K::Err::to_string(&error));
                    reader.problems.note(problem);
                    None
                }
            };
            // What is below a wrong name is read all the same, for its own problems.
            let read = reader.below(key.get_ref(), |reader| V::read(value, reader));
            named.extend(name.zip(read.map(|read| Spanned::new(value.span(), read))));
        }
        Some(Self(named))
    }

    fn inherit(own: &mut Self, from: &Self) {
        for (name, value) in &from.0 {
            if !own.0.iter().any(|(known, _)| known.get_ref() == name.get_ref()) {
                own.0.push((name.clone(), value.clone()));
            }
        }
    }
}

/// The number, unless it is below zero or too large.
pub(super) fn unsigned(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str().trim_start_matches('+'), number.radix()).ok()
}
