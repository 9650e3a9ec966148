//! What the tests share: the traces there are, running the job on them, reading its tables, writing captures.

#![allow(
    dead_code,
    reason = "every test is a program of its own and uses its part"
)]

pub(crate) mod capture;
pub(crate) mod conservation;
pub(crate) mod job;
pub(crate) mod program;
pub(crate) mod python;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod traces;
