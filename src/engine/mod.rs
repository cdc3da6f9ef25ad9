//! The loops: source, compile, admit, one worker per cluster, one driver per rollout.
