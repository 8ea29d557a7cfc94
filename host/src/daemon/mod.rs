//! The verbs: what is due, what may start, what becomes of a run.

pub mod scheduler;

pub mod queue;

pub mod dispatcher;
