//! The shapes of kinds that a cluster publishes, against those that are built in.

use std::collections::BTreeSet;

use sluice::model::schema::{Schema, Type, builtin};
use sluice::port::cluster::Cluster;

/// In what the built-in shapes would judge otherwise than the cluster, a line each: fields that only
/// one has, values of another type, words that only the cluster knows, fields that only one misses.
pub async fn differences(cluster: &dyn Cluster) -> String {
    let facts = cluster.discover().await.unwrap().facts;
    let known = facts.schema.expect("the cluster publishes the shape of its kinds");
    let published = known.schema().expect("what was just read is at hand");
    let again = Schema::parse(&published.to_text()).unwrap();
    assert_eq!(&again, published.as_ref(), "read back as it was stored");
    let second = cluster.discover().await.unwrap().facts.schema.unwrap();
    assert_eq!(second, known, "read twice, the same");
    let mut walk = Walk { published, found: BTreeSet::new(), seen: BTreeSet::new() };
    let mut kinds = 0;
    for (api_version, kind, own) in builtin().kinds() {
        if let Some(theirs) = published.of_kind(api_version, kind) {
            kinds += 1;
            let (own, theirs) = (Type::Named(own.name.clone()), Type::Named(theirs.name.clone()));
            walk.compare(&own, &theirs, kind);
        }
    }
    assert!(kinds >= 25, "{kinds} kinds are known to both");
    walk.found.into_iter().map(|line| line + "\n").collect()
}

struct Walk<'a> {
    published: &'a Schema,
    found: BTreeSet<String>,
    seen: BTreeSet<(String, String)>,
}

impl Walk<'_> {
    fn compare(&mut self, own: &Type, theirs: &Type, at: &str) {
        match (own, theirs) {
            (Type::Any | Type::AnyAtomic, _) => {}
            (Type::Named(own), Type::Named(theirs)) => self.fields(own, theirs, at),
            (Type::Map { value: own, .. }, Type::Map { value: theirs, .. }) => self.compare(own, theirs, at),
            (Type::List { item: own, .. }, Type::List { item: theirs, .. }) => self.compare(own, theirs, at),
            (Type::Text { words: own, .. }, Type::Text { words: theirs, .. }) => {
                for word in theirs.iter().filter(|word| !own.is_empty() && !own.contains(word)) {
                    self.found.insert(format!("word of {at}: {word}"));
                }
                if theirs.is_empty() && !own.is_empty() {
                    self.found.insert(format!("any word of {at}"));
                }
            }
            (own, theirs) if std::mem::discriminant(own) == std::mem::discriminant(theirs) => {}
            (own, theirs) => {
                self.found.insert(format!("type of {at}: {own:?}, there {theirs:?}"));
            }
        }
    }

    fn fields(&mut self, own: &str, theirs: &str, at: &str) {
        if !self.seen.insert((own.to_owned(), theirs.to_owned())) {
            return;
        }
        let (Some(own), Some(theirs)) = (builtin().named(own), self.published.named(theirs)) else {
            self.found.insert(format!("no type {own} or {theirs}"));
            return;
        };
        let published = theirs.fields.clone();
        for name in published.keys().filter(|name| !own.fields.contains_key(*name)) {
            self.found.insert(format!("less in {at}: {name}"));
        }
        for (name, field) in &own.fields {
            let Some(other) = published.get(name) else {
                self.found.insert(format!("more in {at}: {name}"));
                continue;
            };
            let inner = format!("{}.{name}", own.name);
            // That a kind has a `spec` is asked by the API server, and not published.
            let asked = name == "spec" && own.fields.contains_key("apiVersion");
            if field.required && !other.required && !asked {
                self.found.insert(format!("missed: {inner}"));
            }
            self.compare(&field.kind, &other.kind, &inner);
        }
    }
}
