//! From accepted to desired: an immutable plan of parts, and their admission.
