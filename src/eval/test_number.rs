/// The number of a test that a policy may ask several times of one pair of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TestNumber(u8);

impl TestNumber {
    /// Of a test that is asked anew each time.
    pub(crate) const NONE: Self = Self(u8::MAX);

    /// As many as there are bits to note the outcomes in.
    pub(crate) fn new(number: usize) -> Self {
        u8::try_from(number).ok().filter(|number| *number < 64).map_or(Self::NONE, Self)
    }

    /// The bit that stands for the test; none set for one without a number.
    pub(crate) const fn bit(self) -> u64 {
        if self.0 < 64 { 1 << self.0 } else { 0 }
    }
}
