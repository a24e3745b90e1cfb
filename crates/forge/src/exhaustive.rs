//! Every small change of a tree: deviations that need no imagination.
//!
//! The number grows with the square of the number of elements, because each subtree is moved under each other element.

use crate::{
    canonical::declared_prefix,
    path::{Location, inside},
    raw::{Element, Node},
};

/// Every tree that differs from `root` by one small change, with a name that says which: each element and attribute
/// deleted, doubled and emptied, neighbours swapped, each subtree moved under each other element, each namespace
/// changed, each character of each base64 value changed.
pub fn exhaustive(root: &Element) -> impl Iterator<Item = (String, Element)> + '_ {
    let all = inside(root);
    let with_root: Vec<Location> = std::iter::once(Location::new()).chain(all.iter().cloned()).collect();
    let elements = all.clone().into_iter().flat_map(move |place| element_changes(root, place));
    let attributes = with_root.clone().into_iter().flat_map(move |place| attribute_changes(root, place));
    let moves = all.into_iter().flat_map(move |place| {
        let targets = with_root.clone();
        targets.into_iter().filter_map(move |target| moved(root, &place, &target))
    });
    elements.chain(attributes).chain(moves).chain(base64_changes(root))
}

type Attributes = Vec<(String, String)>;

fn element_changes(root: &Element, place: Location) -> Vec<(String, Element)> {
    let name = describe(root, &place);
    let (index, parent) = place.split_last().expect("inside the root");
    let element = root.at(&place).clone();
    let mut changes = Vec::new();
    let mut change = |what: &str, edit: &dyn Fn(&mut Element)| {
        let mut copy = root.clone();
        edit(&mut copy);
        changes.push((format!("{what} {name}"), copy));
    };
    change("delete", &|copy| drop(copy.take(&place)));
    change("double", &|copy| copy.insert_at(&place, 1, element.clone().into()));
    if !element.children.is_empty() {
        change("empty", &|copy| copy.at_mut(&place).children.clear());
    }
    let next = root.at(parent).children.iter().enumerate().skip(index + 1);
    if let Some((other, _)) = next.into_iter().find(|(_, node)| node.as_element().is_some())
        && root.at(parent).children[other] != root.at(parent).children[*index]
    {
        change("swap with next", &|copy| copy.at_mut(parent).children.swap(*index, other));
    }
    change("rename", &|copy| copy.at_mut(&place).name.push('x'));
    change("put into no namespace", &|copy| {
        let element = copy.at_mut(&place);
        element.name = element.name.rsplit(':').next().unwrap_or_default().to_owned();
        element.set("xmlns", "");
    });
    changes
}

fn attribute_changes(root: &Element, place: Location) -> Vec<(String, Element)> {
    let mut changes = Vec::new();
    for (index, (attribute, value)) in root.at(&place).attributes.iter().enumerate() {
        let name = format!("{}/@{attribute}", describe(root, &place));
        let mut change = |what: &str, edit: &dyn Fn(&mut Attributes)| {
            let mut copy = root.clone();
            edit(&mut copy.at_mut(&place).attributes);
            changes.push((format!("{what} {name}"), copy));
        };
        change("delete", &|attributes| drop(attributes.remove(index)));
        change("double", &|attributes| attributes.push((attribute.clone(), value.clone())));
        if !value.is_empty() {
            change("empty", &|attributes| attributes[index].1.clear());
        }
        let what = if declared_prefix(attribute).is_some() { "change namespace" } else { "change" };
        change(what, &|attributes| attributes[index].1.push('x'));
    }
    changes
}

/// The subtree at `place` as last child of `target`, unless it is there already or would hold itself.
fn moved(root: &Element, place: &Location, target: &Location) -> Option<(String, Element)> {
    let (index, parent) = place.split_last()?;
    let is_last = target == parent && root.at(parent).children.len() == index + 1;
    if is_last || target.starts_with(place) {
        return None;
    }
    let mut copy = root.clone();
    let subtree = copy.at(place).clone();
    copy.at_mut(target).children.push(subtree.into());
    // The push left every earlier location as it was, so the original is still where it stood.
    copy.take(place);
    Some((format!("move {} under {}", describe(root, place), describe(root, target)), copy))
}

fn base64_changes(root: &Element) -> impl Iterator<Item = (String, Element)> + '_ {
    const VALUES: [&str; 5] =
        ["DigestValue", "SignatureValue", "X509Certificate", "CipherValue", "BinarySecurityToken"];
    let is_value = |location: &Location| VALUES.iter().any(|name| root.at(location).name.ends_with(name));
    let values: Vec<Location> = inside(root).into_iter().filter(is_value).collect();
    values.into_iter().flat_map(move |place| {
        let text = root.at(&place).content();
        (0..text.len()).map(move |at| {
            let mut copy = root.clone();
            let old = text.as_bytes()[at];
            let new = if old == b'A' { "B" } else { "A" };
            let changed = format!("{}{new}{}", &text[..at], &text[at + 1..]);
            copy.at_mut(&place).children = vec![Node::Text(changed)];
            (format!("change character {at} of {}", describe(root, &place)), copy)
        })
    })
}

/// The path of a location, with the place among all children of the parent, so that it names one element.
fn describe(root: &Element, location: &[usize]) -> String {
    let mut path = root.name.clone();
    for depth in 1..=location.len() {
        let name = &root.at(&location[..depth]).name;
        path.push_str(&format!("/{name}[{}]", location[depth - 1] + 1));
    }
    path
}
