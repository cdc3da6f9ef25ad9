use super::*;

fn keys(count: usize) -> Inventory {
    let mut inventory = Inventory::default();
    let keys: Vec<ObjectKey> = (0..count)
        .map(|n| ObjectKey::namespaced("apps", "Deployment", "shop", &format!("web-{n}")))
        .collect();
    inventory.include(&keys);
    inventory
}

#[test]
fn is_read_back_as_written() {
    let target: TargetKey = "east/shop".parse().unwrap();
    let owner: Owner = "shop/web".parse().unwrap();
    for count in [0, 1, SHARD_SIZE, SHARD_SIZE + 1] {
        let inventory = keys(count);
        let shards = encode(&target, &owner, &inventory);
        assert_eq!(shards.len(), count.div_ceil(SHARD_SIZE).max(1));
        let mut read = Inventory::default();
        for shard in &shards {
            read.objects.extend(decode(shard).unwrap().objects);
        }
        assert_eq!(read, inventory, "{count} objects");
    }
}

#[test]
fn names_tell_pairs_apart_that_read_alike() {
    let one = name(&"a/b".parse().unwrap(), &"c/d-e".parse().unwrap(), 0);
    let two = name(&"a/b".parse().unwrap(), &"c-d/e".parse().unwrap(), 0);
    assert_ne!(one, two);
}

#[test]
fn a_damaged_blob_is_an_error() {
    let target: TargetKey = "east/shop".parse().unwrap();
    let mut shard = encode(&target, &Owner::Platform, &keys(3)).remove(0);
    shard.as_value_mut()["binaryData"][FIELD] = json!("AAAA");
    assert!(decode(&shard).is_err());
    shard.as_value_mut()["binaryData"] = json!({});
    assert!(decode(&shard).is_err());
}
