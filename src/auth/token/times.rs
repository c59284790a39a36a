use std::time::Duration;

use bson::{Bson, DateTime, Document};

use super::error::TokenError;
use crate::value::ValueRef;

/// The times in a token's claims.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) issued_at: Option<DateTime>,
    pub(super) expires_at: Option<DateTime>,
}

/// Whether a token must have `exp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    Required,
    Optional,
}

/// The end of the year 9999, in seconds since the Unix epoch.
const MAX_SECONDS: u64 = 253_402_300_799;

/// How a time is rounded to milliseconds, which is towards rejection of the token.
#[derive(Clone, Copy)]
enum Round {
    Down,
    Up,
}

impl Times {
    /// Reads `exp`, `nbf` and `iat` and checks that the token is valid: from `nbf` and `iat` until just before `exp`,
    /// with `leeway` on either side.
    pub(super) fn check(
        claims: &Document,
        now: DateTime,
        leeway: Duration,
        expiry: Expiry,
    ) -> Result<Self, TokenError> {
        let expires_at = time(claims, "exp", Round::Down)?;
        let not_before = time(claims, "nbf", Round::Up)?;
        let issued_at = time(claims, "iat", Round::Up)?;
        if expires_at.is_none() && expiry == Expiry::Required {
            return Err(TokenError::ExpiryMissing);
        }
        let now = now.timestamp_millis();
        let leeway = i64::try_from(leeway.as_millis()).unwrap_or(i64::MAX);
        if let Some(at) = expires_at
            && now >= at.timestamp_millis().saturating_add(leeway)
        {
            return Err(TokenError::Expired { at });
        }
        let begun = |time: DateTime| now.saturating_add(leeway) >= time.timestamp_millis();
        if let Some(from) = not_before.filter(|from| !begun(*from)) {
            return Err(TokenError::NotYetValid { from });
        }
        if let Some(at) = issued_at.filter(|at| !begun(*at)) {
            return Err(TokenError::IssuedInFuture { at });
        }
        Ok(Self { issued_at, expires_at })
    }
}

/// Reads a NumericDate claim: seconds since the Unix epoch, possibly with a fraction.
fn time(claims: &Document, claim: &'static str, round: Round) -> Result<Option<DateTime>, TokenError> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let range = || TokenError::TimeRange(claim);
    let since_1970 = match value {
        Bson::Int32(seconds) => Duration::from_secs(u64::try_from(*seconds).map_err(|_| range())?),
        Bson::Int64(seconds) => Duration::from_secs(u64::try_from(*seconds).map_err(|_| range())?),
        Bson::Double(seconds) => Duration::try_from_secs_f64(*seconds).map_err(|_| range())?,
        other => {
            let found = ValueRef::from(other).kind().alias();
            return Err(TokenError::ClaimType { claim, expected: "a number", found });
        }
    };
    if since_1970.as_secs() > MAX_SECONDS {
        return Err(range());
    }
    let millis = match round {
        Round::Down => since_1970.as_millis(),
        Round::Up => since_1970.as_nanos().div_ceil(1_000_000),
    };
    i64::try_from(millis).map(|millis| Some(DateTime::from_millis(millis))).map_err(|_| range())
}
