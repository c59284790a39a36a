use std::str::FromStr;
use std::time::Duration;

use portcullis::login::Freshness;

/// How old what a token says may be.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct FreshnessArgs {
    /// Maximum age of the user object: `snapshot` (as in the token), `live` (look up now) or a number of seconds
    #[arg(long, value_name = "snapshot|live|SECONDS", default_value = "snapshot", requires = "token")]
    fresh: Fresh,
}

/// A [`Freshness`] in the syntax of the command line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fresh(pub(super) Freshness);

impl FromStr for Fresh {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "snapshot" => Ok(Self(Freshness::Snapshot)),
            "live" => Ok(Self(Freshness::Live)),
            seconds => match seconds.strip_suffix('s').unwrap_or(seconds).parse() {
                Ok(seconds) => Ok(Self(Freshness::AtMost(Duration::from_secs(seconds)))),
                Err(_) => Err("write `snapshot`, `live` or a number of seconds".to_owned()),
            },
        }
    }
}

/// Like [`Fresh`], with `watched` as an additional value: a server can watch custom data.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServedFresh(pub(super) Freshness);

impl FromStr for ServedFresh {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if word == "watched" {
            return Ok(Self(Freshness::UntilChanged));
        }
        let known = word.parse::<Fresh>().map_err(|_| "write `snapshot`, `watched`, `live` or a number of seconds")?;
        Ok(Self(known.0))
    }
}

impl FreshnessArgs {
    pub(super) const fn freshness(&self) -> Freshness {
        self.fresh.0
    }
}
