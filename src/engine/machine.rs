//! Every rule of a run: start, gates, pause, resume, retry, skip, failure and going back. Pure.
