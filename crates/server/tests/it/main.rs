//! The server as its clients see it: requests and responses, without a socket, on the embedded store.

// Tests and their helpers fail by panicking; clippy does not recognize the helpers as tests.
#![allow(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod access;
mod calls_end;
mod client;
mod compression;
mod conditions;
mod data;
mod data_api;
mod endpoints;
mod exposure;
mod functions;
mod heavy;
mod keys;
mod odd_values;
mod passwords;
mod profiles;
mod races;
mod remembered;
mod sessions;
mod shop;
mod socket;
mod two_worlds;
mod validation;
mod watch;
mod webhooks;
mod wire;
