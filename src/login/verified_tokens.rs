use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use bson::DateTime;
use sha2::{Digest, Sha256};

use crate::access::KnownUser;
use crate::auth::token::{AccessToken, TokenError, TokenIssuer, TokenSession};

/// The maximum number of tokens in each of the two generations, and of their bytes. A user object is about as large as
/// its token.
const MAX_TOKENS: usize = 1_000;
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Access tokens that one issuer has verified, with the users they name, so that the token of a client's next request
/// need not be verified again.
///
/// A token is only found between its verification and its expiry, and by the hash of the whole token. Whether its
/// session has ended is not cached.
#[derive(Debug, Default)]
pub(super) struct VerifiedTokens {
    generations: Mutex<Generations>,
}

/// A token that is found in the older generation moves to the recent one. When the recent generation is full, it
/// replaces the older one, and the tokens that were not used in the meantime are dropped.
#[derive(Debug, Default)]
struct Generations {
    recent: HashMap<Key, Entry>,
    older: HashMap<Key, Entry>,
    /// The total size of the tokens in `recent`, in bytes.
    bytes: usize,
}

type Key = [u8; 32];

#[derive(Debug)]
struct Entry {
    bytes: usize,
    token: Arc<VerifiedToken>,
}

/// The contents of a verified access token.
#[derive(Debug)]
pub(super) struct VerifiedToken {
    pub(super) user: Arc<KnownUser>,
    pub(super) session: TokenSession,
    pub(super) issued_at: DateTime,
    expires_at: DateTime,
    verified_at: DateTime,
}

impl VerifiedTokens {
    /// The contents of an access token that is valid at the time `now`. The issuer must be the same for all calls.
    pub(super) fn find_or_verify(
        &self,
        token: &str,
        now: DateTime,
        issuer: &TokenIssuer,
    ) -> Result<Arc<VerifiedToken>, TokenError> {
        let key = Sha256::digest(token).into();
        if let Some(known) = self.find(&key).filter(|known| known.verified_at <= now && now < known.expires_at) {
            return Ok(known);
        }
        let AccessToken { user, session, issued_at, expires_at } = issuer.verify_access(token, now)?;
        let user = Arc::new(KnownUser::new(user));
        let verified = Arc::new(VerifiedToken { user, session, issued_at, expires_at, verified_at: now });
        self.insert(key, Entry { bytes: token.len(), token: Arc::clone(&verified) });
        Ok(verified)
    }

    fn find(&self, key: &Key) -> Option<Arc<VerifiedToken>> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = generations.recent.get(key) {
            return Some(Arc::clone(&entry.token));
        }
        let entry = generations.older.remove(key)?;
        let token = Arc::clone(&entry.token);
        generations.insert(*key, entry);
        Some(token)
    }

    fn insert(&self, key: Key, entry: Entry) {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner).insert(key, entry);
    }
}

impl Generations {
    fn insert(&mut self, key: Key, entry: Entry) {
        let bytes = self.bytes.saturating_add(entry.bytes);
        if self.recent.len() >= MAX_TOKENS || bytes > MAX_BYTES {
            self.older = mem::take(&mut self.recent);
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(entry.bytes);
        if let Some(replaced) = self.recent.insert(key, entry) {
            self.bytes = self.bytes.saturating_sub(replaced.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::User;

    fn entry(bytes: usize) -> Entry {
        let user = Arc::new(KnownUser::new(User::new("ada")));
        let session = TokenSession { id: String::new(), device_id: String::new() };
        let [issued_at, expires_at, verified_at] = [DateTime::MIN; 3];
        Entry { bytes, token: Arc::new(VerifiedToken { user, session, issued_at, expires_at, verified_at }) }
    }

    fn key(number: usize) -> Key {
        Sha256::digest(number.to_be_bytes()).into()
    }

    fn held(tokens: &VerifiedTokens) -> usize {
        let generations = tokens.generations.lock().unwrap();
        generations.recent.len() + generations.older.len()
    }

    #[test]
    fn the_number_of_cached_tokens_is_limited_and_recently_used_ones_stay() {
        let tokens = VerifiedTokens::default();
        for number in 0..5 * MAX_TOKENS {
            tokens.insert(key(number), entry(100));
            assert!(tokens.find(&key(0)).is_some());
            assert!(held(&tokens) <= 2 * MAX_TOKENS);
        }
        assert!(tokens.find(&key(1)).is_none());
        assert!(tokens.find(&key(5 * MAX_TOKENS - 1)).is_some());
    }

    #[test]
    fn the_size_of_cached_tokens_is_limited() {
        let tokens = VerifiedTokens::default();
        for number in 0..100 {
            tokens.insert(key(number), entry(MAX_BYTES / 4));
            assert!(held(&tokens) <= 8);
            // The same token again takes no additional space.
            tokens.insert(key(number), entry(MAX_BYTES / 4));
        }
        tokens.insert(key(100), entry(MAX_BYTES * 2));
        assert!(tokens.find(&key(100)).is_some());
    }
}
