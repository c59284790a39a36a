use portcullis_functions::Options;

/// The permissions of functions.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FunctionArgs {
    /// Let functions reach private, loopback and link-local addresses with `context.http`
    #[arg(long)]
    allow_private_addresses: bool,
}

impl FunctionArgs {
    /// The options for function calls.
    pub(crate) fn options(&self) -> Options {
        let mut options = Options::default();
        options.private_addresses = self.allow_private_addresses;
        options
    }
}
