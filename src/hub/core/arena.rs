//! Where things live that others name by an id. An id is a place and a generation: when the thing is gone its id finds
//! nothing, for ever, and never something else. There is no way to index, only `get`.
//!
//! Written here for what `slotmap` lacks: memory shrinks after a rush, and an id fits into a JavaScript number.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// Bits of an id as a number: the place, then the generation above it.
pub const INDEX_BITS: u32 = 22;
/// Bits of a generation.
pub const GENERATION_BITS: u32 = 27;
const GENERATIONS: u32 = 1 << GENERATION_BITS;
/// Places that are kept, whether something lives there or not.
const KEPT: usize = 64;

/// Names a thing in an [`Arena`] of its kind.
pub struct Id<T> {
    index: u32,
    generation: u32,
    kind: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The place; another thing may be there later.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// As a number below 2^49.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << INDEX_BITS | u64::from(self.index)
    }

    /// The id of such a number.
    pub fn from_bits(bits: u64) -> Self {
        let index = (bits & ((1 << INDEX_BITS) - 1)) as u32;
        Self { index, generation: (bits >> INDEX_BITS) as u32 & (GENERATIONS - 1), kind: PhantomData }
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.index, self.generation) == (other.index, other.generation)
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.index, self.generation).cmp(&(other.index, other.generation))
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.generation) << 32 | u64::from(self.index));
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// Things of one kind.
#[derive(Debug)]
pub struct Arena<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// Generation of places that are made anew: no id of a place that was given up comes again.
    floor: u32,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), floor: 1 }
    }
}

impl<T> Arena<T> {
    /// Takes a thing in.
    ///
    /// # Panics
    /// Beyond four million things; the connection that asked ends.
    pub fn insert(&mut self, value: T) -> Id<T> {
        let index = self.free.pop().unwrap_or_else(|| {
            assert!(self.slots.len() < 1 << INDEX_BITS, "too many on one shard");
            self.slots.push(Slot { generation: self.floor, value: None });
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        slot.value = Some(value);
        Id { index, generation: slot.generation, kind: PhantomData }
    }

    /// The thing, if it is still there.
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        self.slots.get(id.index as usize).filter(|slot| slot.generation == id.generation)?.value.as_ref()
    }

    /// The thing, if it is still there.
    pub fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        self.slots.get_mut(id.index as usize).filter(|slot| slot.generation == id.generation)?.value.as_mut()
    }

    /// Whether it is still there.
    pub fn contains(&self, id: Id<T>) -> bool {
        self.get(id).is_some()
    }

    /// Takes a thing out.
    pub fn remove(&mut self, id: Id<T>) -> Option<T> {
        let slot = self.slots.get_mut(id.index as usize).filter(|slot| slot.generation == id.generation)?;
        let value = slot.value.take()?;
        slot.generation = (slot.generation + 1) % GENERATIONS;
        self.free.push(id.index);
        self.shrink();
        Some(value)
    }

    /// After a rush most places are empty: those at the end are given up.
    fn shrink(&mut self) {
        if self.slots.len() <= KEPT || self.len() > self.slots.len() / 4 || self.slots.last().is_some_and(Slot::is_full)
        {
            return;
        }
        let full = self.slots.iter().rposition(Slot::is_full).map_or(0, |last| last + 1);
        let kept = full.max(KEPT).max(self.slots.len() / 2);
        let given_up = self.slots.drain(kept..).map(|slot| slot.generation).max();
        self.floor = self.floor.max(given_up.unwrap_or_default());
        self.slots.shrink_to(2 * kept);
        self.free.retain(|index| (*index as usize) < kept);
        self.free.shrink_to(2 * kept);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let id = Id { index: index as u32, generation: slot.generation, kind: PhantomData };
            Some((id, slot.value.as_ref()?))
        })
    }
}

impl<T> Slot<T> {
    fn is_full(&self) -> bool {
        self.value.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_finds_its_own_thing_or_nothing(steps in prop::collection::vec(any::<u16>(), 0..2000)) {
            let mut arena = Arena::default();
            let mut known: HashMap<Id<u32>, u32> = HashMap::new();
            let mut gone = Vec::new();
            for (number, step) in steps.iter().enumerate() {
                let number = number as u32;
                // Long rushes in, then long ways out.
                if (number / 400).is_multiple_of(2) != (step % 8 == 0) {
                    let id = arena.insert(number);
                    prop_assert_eq!(Id::from_bits(id.to_bits()), id);
                    prop_assert!(known.insert(id, number).is_none() && !gone.contains(&id));
                } else if let Some(id) = known.keys().nth(usize::from(*step) % known.len().max(1)).copied() {
                    prop_assert_eq!(arena.remove(id), known.remove(&id));
                    gone.push(id);
                }
                prop_assert_eq!(arena.len(), known.len());
            }
            prop_assert!(known.iter().all(|(id, value)| arena.get(*id) == Some(value)));
            prop_assert!(gone.iter().all(|id| arena.get(*id).is_none()));
            prop_assert_eq!(arena.iter().count(), known.len());
            for id in known.keys() {
                arena.remove(*id);
            }
            prop_assert!(arena.is_empty() && arena.slots.len() <= 1024);
        }
    }
}
