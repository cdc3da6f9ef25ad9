//! The ledger, folded: what was accepted, what runs, what is held.
