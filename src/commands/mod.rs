//! One file per command of the command line: the composition root, where the rooms are put together.
