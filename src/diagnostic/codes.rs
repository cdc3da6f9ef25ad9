//! The codes of diagnostics, with their explanations. A code is never reused for another meaning.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($code:ident $title:literal $explanation:literal;)*) => {
        /// The code of a diagnostic. S01: the tree; S02: YAML; S03: the shape of a definition; S04:
        /// variables, overrides, references; S05: checks over the whole commit; S06: rendering and
        /// manifests; S07: secrets; S08: plans.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $(
                #[doc = $title]
                $code,
            )*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$code),*];

            /// The code as text, `S0101`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// What it means, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// Why it is a fault and what to do, for `sluice explain`.
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$code => $explanation,)* }
            }
        }
    };
}

codes! {
    S0101 "a path in the tree is not allowed"
        "Names such as `..`, `.git`, or names with `/`, `\\` or a NUL byte could reach outside the folder that owns them. The whole commit is refused and what was accepted before stays. Rename the entry.";
    S0102 "a symbolic link"
        "Links are never followed: they could reach another tenant's files or the machine's. Put a copy of the file in its place.";
    S0103 "a submodule"
        "Submodules are never fetched. Put the files into this repository, or take the entry away.";
    S0104 "the tree is over a limit"
        "A file, a folder's depth or the number of files is over the limit of what is read. Take generated and binary files out of the fleet repository.";
    S0105 "two paths differ only in case or in Unicode form"
        "Such paths are one file on some machines and two on others. Rename one.";
    S0201 "YAML that can't be read"
        "The document is no YAML as Kubernetes reads it. The message says what was met and where.";
    S0202 "a key stands twice"
        "YAML readers disagree on which of two equal keys counts. Take one away.";
    S0203 "a document is over a limit"
        "Size, depth, aliases or the number of nodes is over the limit of what is read.";
    S0204 "a tag or value that Kubernetes does not know"
        "`!!binary`, local tags, `.inf`, `.nan` and integers over 64 bits have no meaning in a definition.";
    S0205 "the file is not in UTF-8"
        "Save it in UTF-8.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text is no code of a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no diagnostic `{0}`; codes look like `S0201`")]
pub struct UnknownCode(pub String);

impl FromStr for Code {
    type Err = UnknownCode;
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let wanted = text.to_ascii_uppercase();
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == wanted)
            .ok_or_else(|| UnknownCode(text.to_owned()))
    }
}
