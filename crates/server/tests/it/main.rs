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
mod call_completion;
mod client;
mod compression;
mod conditions;
mod data;
mod data_api;
mod endpoints;
mod functions;
mod keys;
mod large_requests;
mod odd_values;
mod passwords;
mod profiles;
mod public_servers;
mod races;
mod sessions;
mod shop;
mod socket;
mod stale_caches;
mod two_worlds;
mod validation;
mod watch;
mod webhooks;
mod wire;
