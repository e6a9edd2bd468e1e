//! What is known of data files before all that makes their lines is read: of one, or of several taken together.

/// What is known. A file is only left out where this rules out every file that it may speak of.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Their partition values.
    pub partitions: KnownPartitions<'a>,
    /// Statistics as the log's JSON, over the rows of all of them. They may come from typed columns: moments may then differ
    /// from the log's text by what a writer has cut off there.
    pub statistics: Option<&'a str>,
    /// Whether deletion vectors may take away rows that the statistics count.
    pub vectors: bool,
}

/// What is known of partition values.
#[derive(Debug, Clone, Copy)]
pub enum KnownPartitions<'a> {
    /// Nothing.
    Unknown,
    /// Those of one file, or of files that have the same: a JSON object.
    Same(&'a str),
    /// Bounds of some columns; nothing of the others.
    Between(&'a [Between]),
}

/// Two values between which every file's lies, as the log writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Between {
    /// The column's name in partition values.
    pub column: String,
    /// No value is less.
    pub least: String,
    /// No value is greater.
    pub greatest: String,
    /// In which order.
    pub order: ValueOrder,
    /// Whether there may be nulls too.
    pub nulls: bool,
}

/// How partition values were ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueOrder {
    /// As texts, by their bytes.
    Text,
    /// As values of the column's type.
    Type,
}
