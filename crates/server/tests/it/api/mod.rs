//! The admin API.

mod access;
mod commands;
mod devices;
mod document;
mod journal;
mod secrets;
mod world;
