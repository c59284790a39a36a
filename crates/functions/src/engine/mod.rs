//! Runs one call in the engine: a context prepared in advance, the functions of the host, and the loop that drives
//! both.

mod beginning;
mod bridge;
mod bytecode;
mod compile;
mod console;
mod decode;
mod drive;
mod encode;
mod exclusive;
mod failure;
mod held;
mod host;
mod host_data;
mod host_text;
mod numbers;
mod prepare;
mod rejections;
mod state;
mod stop;
mod visit;

pub(crate) use prepare::{Job, Source, THREAD_STACK, work};
pub(crate) use state::CallInput;
pub(crate) use stop::Stop;
