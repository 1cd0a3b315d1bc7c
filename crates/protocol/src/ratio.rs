use serde::{Deserialize, Serialize};

/// How many times over something is given out: 1.5 gives out 15 of 10. More than 0, and finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct AllocationRatio(f64);

impl AllocationRatio {
    /// Of processors, where nobody says otherwise: that of Nova, as the other two.
    pub const CPU: Self = Self(16.0);
    /// Of memory.
    pub const RAM: Self = Self(1.5);
    /// Of disk.
    pub const DISK: Self = Self(1.0);
}

impl TryFrom<f64> for AllocationRatio {
    type Error = String;

    fn try_from(ratio: f64) -> Result<Self, String> {
        if ratio.is_finite() && ratio > 0.0 {
            Ok(Self(ratio))
        } else {
            Err(format!("{ratio} is no allocation ratio; it is a number above 0, such as 1.5"))
        }
    }
}

impl From<AllocationRatio> for f64 {
    fn from(ratio: AllocationRatio) -> Self {
        ratio.0
    }
}

/// How far a node itself says to be overcommitted; for what it does not say, the cloud has its own.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AllocationRatios {
    /// Of its shared processors.
    pub cpu: Option<AllocationRatio>,
    /// Of its memory.
    pub ram: Option<AllocationRatio>,
    /// Of its disk.
    pub disk: Option<AllocationRatio>,
}
