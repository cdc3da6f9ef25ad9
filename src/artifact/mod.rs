//! What needs a key, a program or a network to be read: SOPS secrets.
