//! Guests of every temper, each with the report that it has to end in.

mod limits;
