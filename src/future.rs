//! Futures behind trait objects.

use std::pin::Pin;

/// What an asynchronous method of a trait returns, so that the trait can be used as an object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
