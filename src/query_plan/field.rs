/// The field that `%%this` and `%%prev` refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'f> {
    /// The top-level field with this name.
    Named(&'f str),
    /// A field without a MongoDB path, such as one in array elements.
    Somewhere,
}
