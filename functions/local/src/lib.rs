//! The local executable's library half: the same handlers as on AWS, in one process, over an embedded S3.
