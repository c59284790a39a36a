//! Exact comparison of decimal128 with doubles and with each other.

use std::cmp::Ordering;

use bson::Decimal128;

/// A decoded decimal128.
#[derive(Clone, Copy, Debug)]
pub(super) enum Decimal {
    Nan,
    /// Infinity, negative if `true`.
    Infinite(bool),
    Finite(Finite),
}

/// `(-1)^negative · coefficient · 10^exponent`, where the coefficient is less than 10^34.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finite {
    pub(super) negative: bool,
    pub(super) coefficient: u128,
    pub(super) exponent: i32,
}

const EXPONENT_BIAS: i32 = 6176;
const COEFFICIENT_LIMIT: u128 = 10_u128.pow(34);

impl From<Decimal128> for Decimal {
    /// Decodes the binary integer decimal (BID) encoding of IEEE 754-2008, which BSON uses.
    fn from(value: Decimal128) -> Self {
        let bits = u128::from_le_bytes(value.bytes());
        let negative = bits >> 127 == 1;
        // The five bits after the sign tell special values and both layouts of finite ones apart.
        let combination = (bits >> 122) & 0x1f;
        if combination == 0x1f {
            return Self::Nan;
        }
        if combination == 0x1e {
            return Self::Infinite(negative);
        }
        let (exponent, coefficient) = if combination >> 3 == 3 {
            // A coefficient that needs more than 113 bits is not canonical and stands for zero.
            ((bits >> 111) & 0x3fff, 0)
        } else {
            ((bits >> 113) & 0x3fff, bits & ((1 << 113) - 1))
        };
        let coefficient = if coefficient < COEFFICIENT_LIMIT { coefficient } else { 0 };
        let exponent = i32::try_from(exponent).unwrap_or(0) - EXPONENT_BIAS;
        Self::Finite(Finite { negative, coefficient, exponent })
    }
}

impl Finite {
    pub(super) const fn from_integer(value: i64) -> Self {
        Self { negative: value < 0, coefficient: value.unsigned_abs() as u128, exponent: 0 }
    }

    pub(super) const fn is_zero(self) -> bool {
        self.coefficient == 0
    }

    /// The integer part; `None` if it does not fit.
    pub(super) fn to_integer(self) -> Option<i64> {
        let mut magnitude = self.coefficient;
        for _ in 0..self.exponent.unsigned_abs().min(40) {
            magnitude = if self.exponent < 0 { magnitude / 10 } else { magnitude.checked_mul(10)? };
        }
        let value = i128::try_from(magnitude).ok()?;
        i64::try_from(if self.negative { -value } else { value }).ok()
    }

    pub(super) fn cmp(self, other: Self) -> Ordering {
        self.signum().cmp(&other.signum()).then_with(|| {
            let order = self.cmp_magnitude(other);
            if self.negative { order.reverse() } else { order }
        })
    }

    /// Exact comparison with a finite double.
    pub(super) fn cmp_double(self, other: f64) -> Ordering {
        let sign = if other == 0.0 {
            0
        } else if other < 0.0 {
            -1
        } else {
            1
        };
        self.signum().cmp(&sign).then_with(|| {
            let order = self.cmp_magnitude_double(other.abs());
            if self.negative { order.reverse() } else { order }
        })
    }

    const fn signum(self) -> i32 {
        match (self.coefficient, self.negative) {
            (0, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        }
    }

    /// The exponent of the leading digit: the `d` in `10^d <= |value| < 10^(d+1)`.
    fn magnitude(self) -> i32 {
        self.exponent + i32::try_from(self.coefficient.checked_ilog10().unwrap_or(0)).unwrap_or(0)
    }

    fn cmp_magnitude(self, other: Self) -> Ordering {
        if self.is_zero() || other.is_zero() {
            return other.is_zero().cmp(&self.is_zero());
        }
        self.magnitude().cmp(&other.magnitude()).then_with(|| {
            // Both have the same magnitude, so the exponents differ by at most 33 and the scaled coefficient has at
            // most 34 digits.
            let lowest = self.exponent.min(other.exponent);
            let scaled = |n: Self| n.coefficient * 10_u128.pow((n.exponent - lowest).unsigned_abs().min(34));
            scaled(self).cmp(&scaled(other))
        })
    }

    fn cmp_magnitude_double(self, other: f64) -> Ordering {
        if self.is_zero() || other == 0.0 {
            return (other == 0.0).cmp(&self.is_zero());
        }
        // Doubles lie between 10^-324 and 10^309. Outside of that range, exponents decide, which bounds the size of the
        // integers below.
        if self.magnitude() > 310 {
            return Ordering::Greater;
        }
        if self.magnitude() < -330 {
            return Ordering::Less;
        }
        // other = mantissa · 2^power
        let bits = other.to_bits();
        let raw_exponent = i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0);
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, power) =
            if raw_exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, raw_exponent - 1075) };
        let mut left = Wide::from(self.coefficient);
        let mut right = Wide::from(u128::from(mantissa));
        left.scale(10, self.exponent);
        right.scale(10, -self.exponent);
        left.scale(2, -power);
        right.scale(2, power);
        left.cmp(&right)
    }
}

/// An unsigned integer of up to 2,560 bits, without allocation. This suffices for `10^34 · 10^364 · 2^1074`.
#[derive(PartialEq, Eq)]
struct Wide([u64; 40]);

impl From<u128> for Wide {
    fn from(value: u128) -> Self {
        let mut limbs = [0; 40];
        let low = value & u128::from(u64::MAX);
        for (limb, part) in limbs.iter_mut().zip([low, value >> 64]) {
            *limb = u64::try_from(part).unwrap_or(u64::MAX);
        }
        Self(limbs)
    }
}

impl Wide {
    /// Multiplies by `base^exponent`. A negative exponent has no effect.
    fn scale(&mut self, base: u64, exponent: i32) {
        // Powers of 10^16 or 2^32 keep the number of passes small.
        let stride: u32 = if base == 10 { 16 } else { 32 };
        let mut left = u32::try_from(exponent).unwrap_or(0);
        while left > 0 {
            let step = left.min(stride);
            self.multiply(base.pow(step));
            left -= step;
        }
    }

    fn multiply(&mut self, factor: u64) {
        let mut carry = 0_u128;
        for limb in &mut self.0 {
            let product = u128::from(*limb) * u128::from(factor) + carry;
            *limb = u64::try_from(product & u128::from(u64::MAX)).unwrap_or(u64::MAX);
            carry = product >> 64;
        }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}
