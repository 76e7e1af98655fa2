//! Bounds of a benchmark: figures that exceed them are printed at the end, and the benchmark fails.

/// Measured figures that exceed their bounds.
#[derive(Default)]
pub struct Broken(Vec<String>);

impl Broken {
    pub fn unless(&mut self, holds: bool, name: &str, bound: &str) {
        if !holds {
            self.0.push(format!("{name}: {bound}"));
        }
    }

    /// Returns an error if any bound is exceeded.
    pub fn finish(self) -> Result<(), Box<dyn std::error::Error>> {
        match self.0.as_slice() {
            [] => Ok(()),
            broken => Err(format!("not within its bounds: {}", broken.join("; ")).into()),
        }
    }
}
