//! What Sluice has put into a cluster, as it is written there.
