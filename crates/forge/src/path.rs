//! Finding and moving parts of a raw tree.
//!
//! A path is steps between slashes, from an element down. A step is a name as spelled, `*` for any element, or `..`
//! for the parent; `[n]` behind it counts among the children that it fits, from 1. `//` before a step looks at all
//! descendants in document order, the element that one stands on left out. `.` is the element itself.
//!
//! A path that leads nowhere is a mistake of the test's author, so everything but [`Element::get`] panics at it.

use crate::raw::{Element, Node};

/// Indexes into `children`, from the outside in.
pub type Location = Vec<usize>;

impl Element {
    /// Where the first element at `path` stands.
    #[must_use]
    pub fn locate(&self, path: &str) -> Option<Location> {
        let mut location = Location::new();
        let mut anywhere = false;
        for step in path.split('/') {
            match step {
                "" => anywhere = true,
                "." => {}
                ".." => {
                    location.pop()?;
                }
                step => {
                    let (name, count) = split_step(step);
                    let from = self.at(&location);
                    let mut before = count.checked_sub(1)?;
                    let mut is_it = |element: &Self| {
                        let fits = name == "*" || element.name == name;
                        let is_it = fits && before == 0;
                        before -= usize::from(fits && before > 0);
                        is_it
                    };
                    let deeper = if anywhere {
                        search(from, |element, _| is_it(element))?
                    } else {
                        let child = |node: &Node| node.as_element().is_some_and(&mut is_it);
                        vec![from.children.iter().position(child)?]
                    };
                    location.extend(deeper);
                    anywhere = false;
                }
            }
        }
        Some(location)
    }

    /// The element at a location.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn at(&self, location: &[usize]) -> &Element {
        location.iter().fold(self, |element, index| {
            element.children.get(*index).and_then(Node::as_element).expect("a location in this tree")
        })
    }

    /// The element at a location.
    ///
    /// # Panics
    /// When there is none.
    pub fn at_mut(&mut self, location: &[usize]) -> &mut Element {
        location.iter().fold(self, |element, index| {
            element.children.get_mut(*index).and_then(Node::as_element_mut).expect("a location in this tree")
        })
    }

    /// The element at `path`, if there is one.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Element> {
        self.locate(path).map(|location| self.at(&location))
    }

    /// The element at `path`.
    ///
    /// # Panics
    /// When there is none, as everything below.
    #[must_use]
    pub fn find(&self, path: &str) -> &Element {
        self.at(&self.location(path))
    }

    /// The element at `path`.
    pub fn find_mut(&mut self, path: &str) -> &mut Element {
        let location = self.location(path);
        self.at_mut(&location)
    }

    /// Where the element with this identifier stands.
    #[must_use]
    pub fn locate_id(&self, id: &str) -> Option<Location> {
        let has_id = |element: &Self| element.id() == Some(id);
        if has_id(self) { Some(Location::new()) } else { search(self, |element, _| has_id(element)) }
    }

    /// Takes the element at `path` out.
    pub fn remove(&mut self, path: &str) -> Element {
        let location = self.location(path);
        match self.take(&location) {
            Node::Element(element) => element,
            _ => unreachable_location(path),
        }
    }

    /// Puts a node before the element at `path`.
    pub fn insert_before(&mut self, path: &str, node: impl Into<Node>) {
        let location = self.location(path);
        self.insert_at(&location, 0, node.into());
    }

    /// Puts a node behind the element at `path`.
    pub fn insert_after(&mut self, path: &str, node: impl Into<Node>) {
        let location = self.location(path);
        self.insert_at(&location, 1, node.into());
    }

    /// Puts a node behind the other content of the element at `path`.
    pub fn append(&mut self, path: &str, node: impl Into<Node>) {
        self.find_mut(path).children.push(node.into());
    }

    /// Puts a node before the other content of the element at `path`.
    pub fn prepend(&mut self, path: &str, node: impl Into<Node>) {
        self.find_mut(path).children.insert(0, node.into());
    }

    /// Puts another element in the place of the one at `path`, which is returned.
    pub fn replace(&mut self, path: &str, element: Element) -> Element {
        std::mem::replace(self.find_mut(path), element)
    }

    /// Puts the element at `path` into `wrapper`, behind what that already holds.
    pub fn wrap(&mut self, path: &str, wrapper: Element) {
        let place = self.find_mut(path);
        let inner = std::mem::replace(place, wrapper);
        place.children.push(Node::Element(inner));
    }

    /// Puts each of two elements in the place of the other. Neither may hold the other.
    pub fn swap(&mut self, path: &str, other: &str) {
        let (first, second) = (self.location(path), self.location(other));
        assert!(!first.starts_with(&second) && !second.starts_with(&first), "{path} and {other} are nested");
        let one = std::mem::replace(self.at_mut(&first), Element::new("-"));
        let two = std::mem::replace(self.at_mut(&second), one);
        *self.at_mut(&first) = two;
    }

    /// Puts a copy of the element at `path` behind it.
    pub fn duplicate(&mut self, path: &str) {
        let copy = self.find(path).clone();
        self.insert_after(path, copy);
    }

    /// Takes the node at a location out. The root cannot be taken.
    pub(crate) fn take(&mut self, location: &[usize]) -> Node {
        let (index, parent) = location.split_last().expect("not the root");
        self.at_mut(parent).children.remove(*index)
    }

    /// Puts a node beside the one at a location.
    pub(crate) fn insert_at(&mut self, location: &[usize], offset: usize, node: Node) {
        let (index, parent) = location.split_last().expect("not the root");
        self.at_mut(parent).children.insert(index + offset, node);
    }

    fn location(&self, path: &str) -> Location {
        self.locate(path).unwrap_or_else(|| unreachable_location(path))
    }
}

/// Every element inside another one, by location, in document order.
#[must_use]
pub fn inside(element: &Element) -> Vec<Location> {
    let mut all = Vec::new();
    let none = search(element, |_, location| {
        all.push(location.to_vec());
        false
    });
    debug_assert!(none.is_none());
    all
}

/// Where the first element inside another one stands that is looked for, in document order.
fn search(element: &Element, mut is_it: impl FnMut(&Element, &[usize]) -> bool) -> Option<Location> {
    fn walk(
        element: &Element,
        location: &mut Location,
        is_it: &mut impl FnMut(&Element, &[usize]) -> bool,
    ) -> bool {
        for (index, child) in element.children.iter().enumerate() {
            let Some(child) = child.as_element() else { continue };
            location.push(index);
            if is_it(child, location) || walk(child, location, is_it) {
                return true;
            }
            location.pop();
        }
        false
    }
    let mut location = Location::new();
    walk(element, &mut location, &mut is_it).then_some(location)
}

fn split_step(step: &str) -> (&str, usize) {
    match step.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
        Some((name, count)) => (name, count.parse().expect("a number between brackets")),
        None => (step, 1),
    }
}

fn unreachable_location(path: &str) -> ! {
    panic!("nothing at {path} in this tree")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::parse;

    fn tree() -> Element {
        parse("<r><a x='1'/><b><a x='2'/><c>t</c></b><a x='3'/></r>").unwrap()
    }

    #[test]
    fn paths() {
        let tree = tree();
        for (path, x) in
            [("a", "1"), ("a[2]", "3"), ("b/a", "2"), ("//a[2]", "2"), ("b/..//a[3]", "3"), ("*[3]", "3")]
        {
            assert_eq!(tree.find(path).value("x"), Some(x), "{path}");
        }
        assert_eq!(tree.get("."), Some(&tree));
        assert_eq!((tree.get("a[3]"), tree.get("d"), tree.get("..")), (None, None, None));
    }

    #[test]
    fn moves() {
        let changed = |change: &dyn Fn(&mut Element)| {
            let mut tree = tree();
            change(&mut tree);
            tree.write().replace(" x=", "").replace('"', "")
        };
        assert_eq!(changed(&|t| drop(t.remove("b"))), "<r><a1></a><a3></a></r>");
        assert_eq!(changed(&|t| t.duplicate("a")), changed(&|t| t.insert_before("a", t.find("a").clone())));
        assert_eq!(changed(&|t| t.swap("a", "b")), "<r><b><a2></a><c>t</c></b><a1></a><a3></a></r>");
        assert_eq!(
            changed(&|t| t.wrap("b", Element::new("w"))),
            "<r><a1></a><w><b><a2></a><c>t</c></b></w><a3></a></r>"
        );
        assert_eq!(
            changed(&|t| t.insert_after("b/a", "<")),
            "<r><a1></a><b><a2></a>&lt;<c>t</c></b><a3></a></r>"
        );
    }
}
