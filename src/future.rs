//! Futures as trait objects.

use std::pin::Pin;

/// The result of an asynchronous trait method. It is boxed so that the trait is dyn-compatible.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
