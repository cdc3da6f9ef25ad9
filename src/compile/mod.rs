//! Reading, resolving, rendering and checking put together: definitions in, desired state out.
