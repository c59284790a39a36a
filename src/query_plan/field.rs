/// What `%%this` and `%%prev` stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'f> {
    /// The top-level field of that name.
    Named(&'f str),
    /// A field that MongoDB cannot be asked about by itself, such as one in the elements of an array.
    Somewhere,
}
