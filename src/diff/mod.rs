//! What is rendered against what is live.
