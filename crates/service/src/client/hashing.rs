use std::sync::{Arc, LazyLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::ClientError;

/// Hashes passwords with argon2id. Each hash takes 19 MiB, so only a few are computed at once.
#[derive(Clone)]
pub struct Hashing {
    slots: Arc<Semaphore>,
    argon: Argon2<'static>,
}

impl Default for Hashing {
    fn default() -> Self {
        let at_once = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
        Self { slots: Arc::new(Semaphore::new(at_once)), argon }
    }
}

/// The result of verifying a password.
pub(super) struct Verified {
    pub(super) is_right: bool,
    /// A new hash, if the stored one has weaker parameters than those in use.
    pub(super) stronger: Option<String>,
}

/// A dummy hash against which passwords are verified if the address is unknown.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash_with(&Argon2::default(), "", b"of nobody at all").unwrap_or_default());

impl Hashing {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, ClientError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(ClientError::internal)?;
        let argon = self.argon.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work(&argon)
        });
        done.await.map_err(ClientError::internal)
    }

    /// The hash of a password, with its parameters and a salt.
    pub(super) async fn hash(&self, password: &str) -> Result<String, ClientError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(ClientError::internal)?;
        let password = password.to_owned();
        let hashed = self.run(move |argon| hash_with(argon, &password, &salt)).await?;
        hashed.map_err(ClientError::internal)
    }

    /// Verifies a password against a hash. Without a hash, verification takes just as long and fails.
    pub(super) async fn verify(&self, password: &str, kept: Option<String>) -> Result<Verified, ClientError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(ClientError::internal)?;
        let password = password.to_owned();
        self.run(move |argon| {
            let is_known = kept.is_some();
            let kept = kept.unwrap_or_else(|| NOBODY.clone());
            let Ok(parsed) = PasswordHash::new(&kept) else { return Verified { is_right: false, stronger: None } };
            let is_right = argon.verify_password(password.as_bytes(), &parsed).is_ok() && is_known;
            let is_weak = Params::try_from(&parsed).is_ok_and(|params| {
                params.m_cost() < argon.params().m_cost() || params.t_cost() < argon.params().t_cost()
            });
            let stronger = if is_right && is_weak { hash_with(argon, &password, &salt).ok() } else { None };
            Verified { is_right, stronger }
        })
        .await
    }
}

fn hash_with(argon: &Argon2<'_>, password: &str, salt: &[u8]) -> Result<String, String> {
    let hash = argon.hash_password_with_salt(password.as_bytes(), salt);
    Ok(hash.map_err(|error| error.to_string())?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes of `password` from the tests of the reference implementation, with 64 MiB and with 256 KiB.
    const STRONG: &str = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    const WEAK: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

    #[tokio::test]
    async fn imported_hashes_are_verified_and_weak_ones_replaced() {
        let hashing = Hashing::default();
        let verify = |password: &'static str, kept: Option<&str>| {
            let (hashing, kept) = (hashing.clone(), kept.map(str::to_owned));
            async move { hashing.verify(password, kept).await.unwrap() }
        };
        let strong = verify("password", Some(STRONG)).await;
        assert!(strong.is_right && strong.stronger.is_none());
        let weak = verify("password", Some(WEAK)).await;
        let stronger = weak.stronger.unwrap();
        assert!(weak.is_right && stronger.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stronger}");
        assert!(verify("password", Some(&stronger)).await.is_right);
        for (password, kept) in [("Password", Some(WEAK)), ("", None), ("", Some("no hash"))] {
            let refused = verify(password, kept).await;
            assert!(!refused.is_right && refused.stronger.is_none());
        }
    }
}
