/// The number of a test whose outcome is cached per pair of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TestNumber(u8);

impl TestNumber {
    /// Stands for tests whose outcome is not cached.
    pub(crate) const NONE: Self = Self(u8::MAX);

    /// [`Self::NONE`] for numbers beyond the width of the bitmaps.
    pub(crate) fn new(number: usize) -> Self {
        u8::try_from(number).ok().filter(|number| *number < 64).map_or(Self::NONE, Self)
    }

    /// The bit of the test in a bitmap; 0 for [`Self::NONE`].
    pub(crate) const fn bit(self) -> u64 {
        if self.0 < 64 { 1 << self.0 } else { 0 }
    }
}
