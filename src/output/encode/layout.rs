//! How columns are laid out.

/// How a column's values stand in its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Booleans: a bit each.
    Bits,
    /// Integers that vary by far less than their type allows: packed differences.
    Delta,
    /// Integers that are the same in nearly every row: a dictionary, whose places stand in runs.
    Rare,
    /// Integers by chance, another one in every row: as they are, without the smallest and largest.
    Random,
    /// Fractions: first bytes together, then second bytes and so on.
    Split,
    /// Text with few values, often repeated: a dictionary; where they are new after all, as [`Unique`].
    /// Without the smallest and largest, by which no query could leave out a part of the file: all values
    /// are everywhere.
    ///
    /// [`Unique`]: Layout::Unique
    Words,
    /// Text by chance, another one in every row: without what all begin with, and with lengths
    /// apart. Without the smallest and largest, too.
    Unique,
}
