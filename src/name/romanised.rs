//! Stub.
/// Stub.
pub struct Romanised;
impl Romanised {
    /// Stub.
    pub fn parse(_raw: &str) -> Option<Self> {
        None
    }
    /// Stub.
    pub fn block_keys(&self, _visit: &mut dyn FnMut(u64)) {}
    /// Stub.
    pub fn compare(&self, _listed: &[char]) -> f32 {
        0.0
    }
}
