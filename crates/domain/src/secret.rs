//! Values that must never be printed.

use std::fmt;

use zeroize::Zeroize;

/// A value that neither `Debug` nor any serializer shows, wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Guards a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Name the reason where you call this.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_value() {
        let pin = Secret::new(String::from("123456"));
        assert_eq!(format!("{pin:?}"), "[secret]");
        assert_eq!(pin.expose(), "123456");
    }
}
