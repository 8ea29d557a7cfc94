//! The two declarations that the configuration's vocabulary is written in.
//!
//! `table!` declares a table's keys once; reading, inheriting from `[defaults]`, the JSON Schema and the book all come
//! from it. `choice!` does the same for a word out of several.

/// Declares a table: a struct with one [`Field`](super::read::Field) a key, as [`Keys`](super::read::Keys) and
/// [`Value`](super::read::Value).
///
/// ```text
/// table! {
///     /// What the table is for.
///     pub(super) struct RetryTable {
///         /// What the key means: doc comments go into the schema and the book.
///         "attempts" => attempts: Whole<1, 100> = default(3), example 5;
///         // instead of `default(VALUE)`: `absent("what that means")`, `table` for a table of keys with
///         // defaults of their own, or `required`
///     }
/// }
/// ```
macro_rules! table {
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $key_doc:literal])*
                $key:literal => $field:ident: $type:ty = $presence:ident $(($absence:tt))? $(, example $example:tt)?;
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Default)]
        $vis struct $name {
            $(
                $(#[doc = $key_doc])*
                $vis $field: $crate::config::read::Field<$type>,
            )*
        }

        impl $crate::config::read::Keys for $name {
            fn table() -> $crate::config::shape::TableShape {
                $crate::config::shape::TableShape {
                    doc: concat!($($doc, "\n",)*),
                    keys: vec![$(
                        $crate::config::shape::Key {
                            name: $key,
                            doc: concat!($($key_doc, "\n",)*),
                            presence: $crate::config::table::presence!($presence $(($absence))?),
                            example: None $(.or(Some(stringify!($example))))?,
                            shape: <$type as $crate::config::read::Value>::shape(),
                            #[cfg(test)]
                            read: |node, reader| <$type as $crate::config::read::Value>::read(node, reader).is_some(),
                        },
                    )*],
                }
            }

            fn take(table: &mut $crate::config::read::TableReader<'_, '_>) -> Self {
                Self { $($field: $crate::config::table::take!(table $presence $key),)* }
            }

            fn inherit_keys(&mut self, from: &Self) {
                $(self.$field.inherit(&from.$field);)*
            }
        }

        $crate::config::table::keys_are_a_value!($name);
    };
}

/// A struct that implements [`Keys`](super::read::Keys) can be written as a value: a table.
macro_rules! keys_are_a_value {
    ($name:ident) => {
        impl $crate::config::read::Value for $name {
            fn shape() -> $crate::config::shape::Shape {
                $crate::config::shape::Shape::Table(<Self as $crate::config::read::Keys>::table())
            }

            fn read(node: $crate::config::read::Node<'_>, reader: &mut $crate::config::read::Reader) -> Option<Self> {
                <Self as $crate::config::read::Keys>::read_table(node, reader)
            }

            fn inherit(own: &mut Self, from: &Self) {
                $crate::config::read::Keys::inherit_keys(own, from);
            }
        }
    };
}

macro_rules! presence {
    (default($value:tt)) => {
        $crate::config::shape::Presence::Default(stringify!($value))
    };
    (absent($meaning:literal)) => {
        $crate::config::shape::Presence::Absent($meaning)
    };
    (table) => {
        $crate::config::shape::Presence::Table
    };
    (required) => {
        $crate::config::shape::Presence::Required
    };
}

macro_rules! take {
    ($table:ident required $key:literal) => {
        $table.take_required($key)
    };
    ($table:ident $presence:ident $key:literal) => {
        $table.take($key)
    };
}

/// Makes a model type that is one of several words readable: each variant with what it means, in the order in which
/// they are explained. The word is the variant's own `name()` unless one is given.
macro_rules! choice {
    ($type:ty { $($variant:expr => $word:expr, $meaning:literal;)* }) => {
        impl $crate::config::read::Value for $type {
            fn shape() -> $crate::config::shape::Shape {
                $crate::config::shape::Shape::Choice(vec![$(($word, $meaning)),*])
            }

            fn read(
                node: $crate::config::read::Node<'_>,
                reader: &mut $crate::config::read::Reader,
            ) -> Option<Self> {
                let choices = [$(($word, $variant)),*];
                $crate::config::values::choose::<Self>(node, reader, &choices)
            }
        }
    };
}

pub(super) use {choice, keys_are_a_value, presence, table, take};
