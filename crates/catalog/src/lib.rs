//! Every setting the platforms know, as data, and the controls mapped onto them.
//!
//! The room is laid out and empty: Muster passes native settings through as
//! they are and does not check them against a catalogue yet.
