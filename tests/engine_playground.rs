//! The engine suite on the playground.

mod suite;

use suite::{Site, stories, tell};

macro_rules! stories {
    ($($name:ident: $($cluster:literal)*;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                tell(Site::playground(&[$($cluster),*]).await, "shop", stories::$name).await;
            }
        )*
    };
}

stories! {
    a_first_release_settles: "east";
    a_bad_image_is_brought_back: "east";
}
