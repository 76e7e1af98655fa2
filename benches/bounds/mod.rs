//! Bounds: a benchmark that is not within them says so at its end, and fails.

/// What was measured and is not within its bounds.
#[derive(Default)]
pub struct Broken(Vec<String>);

impl Broken {
    pub fn unless(&mut self, holds: bool, name: &str, bound: &str) {
        if !holds {
            self.0.push(format!("{name}: {bound}"));
        }
    }

    /// An error if anything is broken.
    pub fn finish(self) -> Result<(), Box<dyn std::error::Error>> {
        match self.0.as_slice() {
            [] => Ok(()),
            broken => Err(format!("not within its bounds: {}", broken.join("; ")).into()),
        }
    }
}
