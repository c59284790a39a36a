/// What `%%this` and `%%prev` refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'f> {
    /// The top-level field with this name.
    Named(&'f str),
    /// A field for which MongoDB has no path, such as one in the elements of an array.
    Somewhere,
}
