//! Tokens of third parties and those issued by Portcullis: the message of every rejection, and the laws that hold for
//! all of them.

mod config;
mod issued;
mod laws;
mod refusals;
mod times;
