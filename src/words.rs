//! Eight bytes at a time.

const ONES: u64 = repeated(0x01);
pub(crate) const HIGH_BITS: u64 = repeated(0x80);

/// A word of one byte.
pub(crate) const fn repeated(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The lowest bit that is set stands in the first byte that is 0; none is set if there is none.
#[inline(always)]
pub(crate) const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH_BITS
}

/// As [`zero_bytes`], for the first byte that is less than `bound`, which is 128 at most.
#[inline(always)]
pub(crate) const fn lesser_bytes(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(repeated(bound)) & !word & HIGH_BITS
}

/// The number of the first byte that a bit is set in.
#[inline(always)]
pub(crate) const fn first_byte(bits: u64) -> usize {
    (bits.trailing_zeros() / 8) as usize
}
