//! The console, as a browser sees it.

mod commands;
mod gate;
mod live;
mod pages;
mod sign_in;
mod world;
