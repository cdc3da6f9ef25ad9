//! What a cluster must hold at this moment.
