//! Limits on logins, registrations and requests for mail.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use portcullis_service::client::{ClientError, ErrorClass};

use crate::reply::Failure;

/// The limits within 15 minutes. Attempts are counted by client address, and by address and account together: using up
/// the attempts of an account from one address does not lock out its user elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Logins of one account from one address.
    pub logins: NonZeroU32,
    /// Logins and redeemed tokens from one address, whatever the account.
    pub logins_of_address: NonZeroU32,
    /// Registrations and anonymous users from one address.
    pub registrations: NonZeroU32,
    /// Mails and calls of password functions for one account from one address.
    pub mails: NonZeroU32,
    /// Mails to one account, from any address. The latest mail remains valid, so its recipient is not locked out.
    pub mails_of_account: NonZeroU32,
}

impl Default for RateLimits {
    fn default() -> Self {
        let number = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            logins: number(10),
            logins_of_address: number(100),
            registrations: number(50),
            mails: number(5),
            mails_of_account: number(20),
        }
    }
}

/// The time window of the limits.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// The number of attempts after which expired entries are removed.
const SWEEP: u32 = 4096;

/// The most correct passwords that are remembered, as hashes.
const MAX_RIGHT: usize = 65_536;

/// An attempt of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attempt<'a> {
    /// To log in or link, with an account if the payload names one.
    LogIn(Option<&'a str>),
    /// To create an account, by registering or anonymously.
    Register,
    /// To redeem a token that was sent by mail.
    Redeem,
    /// To have a mail sent to an account, or a function called for it.
    Mail(&'a str),
}

type Limiter = RateLimiter<u64, HashMapStateStore<u64>, DefaultClock>;

pub(crate) struct Limits {
    logins: Limiter,
    logins_of_address: Limiter,
    registrations: Limiter,
    mails: Limiter,
    mails_of_account: Limiter,
    /// Keys are stored as hashes that outsiders cannot predict.
    hasher: RandomState,
    tries: AtomicU32,
    /// When each password that was sent with a single request was last correct, by account, address and password.
    right: Mutex<HashMap<u64, Instant>>,
}

impl Limits {
    pub(crate) fn new(limits: RateLimits) -> Self {
        let limiter = |most: NonZeroU32| {
            let period = WINDOW.checked_div(most.get()).unwrap_or(WINDOW);
            let quota = Quota::with_period(period).unwrap_or_else(|| Quota::per_minute(NonZeroU32::MIN));
            RateLimiter::hashmap(quota.allow_burst(most))
        };
        Self {
            logins: limiter(limits.logins),
            logins_of_address: limiter(limits.logins_of_address),
            registrations: limiter(limits.registrations),
            mails: limiter(limits.mails),
            mails_of_account: limiter(limits.mails_of_account),
            hasher: RandomState::new(),
            tries: AtomicU32::new(0),
            right: Mutex::default(),
        }
    }

    /// Counts an attempt with a password that is sent with a single request, as in the Data API. If the same password
    /// was recently correct from the same address, the attempt is not counted, since nobody is guessing.
    pub(crate) fn check_password(
        &self,
        app: &str,
        network: IpAddr,
        account: &str,
        password: &str,
    ) -> Result<(), Failure> {
        let key = self.hasher.hash_one((app, network, account, password));
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = right.get(&key).is_some_and(|at| at.elapsed() < WINDOW);
        drop(right);
        if is_known { Ok(()) } else { self.check(app, network, Attempt::LogIn(Some(account))) }
    }

    /// Remembers that a password was correct.
    pub(crate) fn password_was_right(&self, app: &str, network: IpAddr, account: &str, password: &str) {
        let key = self.hasher.hash_one((app, network, account, password));
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= MAX_RIGHT {
            right.retain(|_, at| at.elapsed() < WINDOW);
        }
        // Attempts with passwords that are forgotten here count again.
        if right.len() >= MAX_RIGHT {
            right.clear();
        }
        right.insert(key, Instant::now());
    }

    /// Counts an attempt in an application from a network; an error if it exceeds a limit.
    pub(crate) fn check(&self, app: &str, network: IpAddr, attempt: Attempt<'_>) -> Result<(), Failure> {
        self.sweep();
        let from = self.hasher.hash_one(network);
        let of = |account: &str| self.hasher.hash_one((app, network, account));
        match attempt {
            Attempt::LogIn(account) => {
                passed(&self.logins_of_address, from)?;
                account.map_or(Ok(()), |account| passed(&self.logins, of(account)))
            }
            Attempt::Redeem => passed(&self.logins_of_address, from),
            Attempt::Register => passed(&self.registrations, from),
            Attempt::Mail(account) => {
                passed(&self.mails, of(account))?;
                passed(&self.mails_of_account, self.hasher.hash_one((app, account)))
            }
        }
    }

    fn sweep(&self) {
        if self.tries.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            let all = [&self.logins, &self.logins_of_address, &self.registrations, &self.mails, &self.mails_of_account];
            for limiter in all {
                limiter.retain_recent();
                limiter.shrink_to_fit();
            }
        }
    }
}

fn passed(limiter: &Limiter, key: u64) -> Result<(), Failure> {
    limiter.check_key(&key).map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        let error = ClientError::plain(ErrorClass::TooManyRequests, "too many requests: try again later");
        Failure::after(error, wait)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_logins_do_not_lock_an_account_for_other_addresses() {
        let limits = Limits::new(RateLimits::default());
        let (attacker, victim) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let log_in = |from| limits.check("app", from, Attempt::LogIn(Some("ken@example.com")));
        let let_through = (0..50).filter(|_| log_in(attacker).is_ok()).count();
        assert_eq!(let_through, 10);
        assert!(log_in(victim).is_ok());
        // Others at the attacker's address may log in until the limit of that address is used up.
        assert!(limits.check("app", attacker, Attempt::LogIn(Some("ann@example.com"))).is_ok());
        assert!(limits.check("other", attacker, Attempt::LogIn(Some("ken@example.com"))).is_ok());
    }

    #[test]
    fn a_client_address_has_a_limit_across_accounts() {
        let limits = Limits::new(RateLimits::default());
        let from = "192.0.2.1".parse().unwrap();
        let tries = (0..300).map(|account| account.to_string());
        let let_through = tries.filter(|account| limits.check("app", from, Attempt::LogIn(Some(account))).is_ok());
        assert_eq!(let_through.count(), 100);
    }

    #[test]
    fn successful_logins_do_not_count() {
        let limits = Limits::new(RateLimits::default());
        let (ken, eve) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let ask = |from, password| limits.check_password("app", from, "ken@example.com", password).is_ok();
        assert!(ask(ken, "right"));
        limits.password_was_right("app", ken, "ken@example.com", "right");
        assert!((0..1000).all(|_| ask(ken, "right")));
        // Neither a wrong password from that address nor the correct one from another is remembered.
        assert!((0..100).filter(|_| ask(ken, "wrong")).count() < 10);
        assert_eq!((0..100).filter(|_| ask(eve, "right")).count(), 10);
        assert!(ask(ken, "right"));
    }

    #[test]
    fn a_refusal_says_when_to_retry() {
        let limits = Limits::new(RateLimits::default());
        let from = "192.0.2.1".parse().unwrap();
        let refused = std::iter::repeat_with(|| limits.check("app", from, Attempt::Mail("ken@example.com")));
        let failure = refused.take(100).find_map(Result::err).unwrap();
        assert!((1..=180).contains(&failure.retry_after.unwrap()));
    }
}
